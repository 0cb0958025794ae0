# Run a PostgreSQL as a provider would: with an authority of its own, TLS and passwords, and an account that owns its database and nothing else.
# $1 is the host's address, $2 the port, $3 the name of account and database, $4 the password. Prints the authority's certificate.
set -e
address=$1 port=$2 name=$3 password=$4
export DEBIAN_FRONTEND=noninteractive
command -v pg_createcluster > /dev/null || { apt-get -qq update; apt-get -qq -y --no-install-recommends install postgresql openssl > /dev/null; }
version=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
folder=/etc/postgresql/$version/managed
pg_createcluster $version managed --port $port > /dev/null
cd $folder
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=authority of a provider" -keyout authority.key -out authority.pem 2> /dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=database -keyout server.key -out server.csr 2> /dev/null
printf 'subjectAltName=IP:%s\n' $address > server.ext
openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile server.ext -out server.pem 2> /dev/null
chown postgres: server.key server.pem
chmod 600 server.key
cat > conf.d/managed.conf <<SETTINGS
listen_addresses = '$address'
ssl_cert_file = '$folder/server.pem'
ssl_key_file = '$folder/server.key'
shared_buffers = 32MB
max_connections = 100
SETTINGS
printf 'local all postgres peer\nhostssl all all all scram-sha-256\n' > pg_hba.conf
pg_ctlcluster $version managed start
runuser -u postgres -- psql -Xq -p $port <<SQL
CREATE ROLE $name LOGIN PASSWORD '$password';
CREATE DATABASE $name OWNER $name;
SQL
cat authority.pem
