# Make a repository of Debian packages with another PostgreSQL, laid out and signed as the PostgreSQL project's is: the one of
# the distribution before, with what it needs, from the mirror that this host has anyway. $1 is the folder for it.
set -e
repository=$1 older=/tmp/older
export DEBIAN_FRONTEND=noninteractive GNUPGHOME=$older/gnupg
mkdir -p $repository/pool $older/lists/partial $older/archives/partial
mkdir -m 700 $GNUPGHOME
apt-get -qq update
# The libraries that both distributions have, so that those of the older one are not fetched.
apt-get -qq -y --no-install-recommends install gpg gpg-agent apt-utils postgresql-common libgnutls30t64 > /dev/null
{ cat /etc/apt/sources.list; sed 's/trixie/bookworm/g' /etc/apt/sources.list; } > $older/sources.list
both="-o Dir::Etc::SourceList=$older/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$older/lists -o Dir::Cache::Archives=$older/archives"
apt-get -qq $both update
apt-get -qq $both -y --no-install-recommends --download-only install postgresql-15 > /dev/null
mv $older/archives/*.deb $repository/pool/

cd $repository
machine=$(dpkg --print-architecture) suite=trixie-pgdg
mkdir -p dists/$suite/main/binary-$machine
apt-ftparchive packages pool > dists/$suite/main/binary-$machine/Packages
named=-oAPT::FTPArchive::Release
apt-ftparchive $named::Suite=$suite $named::Codename=$suite $named::Components=main $named::Architectures=$machine release dists/$suite > $older/Release
gpg --batch --quiet --passphrase '' --quick-generate-key stand-in@example.org ed25519 sign never
gpg --batch --quiet --clearsign --output dists/$suite/InRelease $older/Release
# Beside the project's own key, which comes with the package.
gpg --armor --export >> /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc
rm -r $older
