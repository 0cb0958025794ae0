"""What the collection is measured by: shell scripts that do the same by hand, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bench import hosts

VersionOf = Callable[[int], str]

PREAMBLE = """
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
if [ -f /etc/lab/ca-bundle.pem ]; then export SSL_CERT_FILE=/etc/lab/ca-bundle.pem PIP_CERT=/etc/lab/ca-bundle.pem; fi
site=/srv/plain
"""

# What the script itself cannot do without: it makes a virtualenv by Debian's own means, and looks at the site.
NEEDED = ("curl", "git", "nginx", "postgresql", "python3-venv")
INSTALLED = "dpkg-query --show --showformat '${Package} ${db:Status-Abbrev}\\n' | sed -n 's/ ii *$//p' | sort --unique"

# The end state of site.yml in the fewest steps: packages, database, virtualenv, project, unit, web server.
CONVERGE = f"""
apt-get -qq update
apt-get -qq install -y --no-install-recommends $packages >/dev/null
python3 -m venv /opt/uv
/opt/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
useradd --system --user-group --home-dir $site plain
runuser -u postgres -- psql -qc "create role plain login password 'plain'" \\
    -c 'create database plain owner plain template template0'
mkdir -p $site/media $site/static $site/etc
git clone --quiet file:///srv/git/bench.git $site/src
cat > $site/etc/bench_settings.py <<'PYTHON'
from mysite.settings import *
DEBUG = False
ALLOWED_HOSTS = ["{hosts.DOMAIN}"]
STATIC_ROOT = "/srv/plain/static"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "plain", "USER": "plain", "PASSWORD": "plain",
                           "HOST": "127.0.0.1", "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}}}
PYTHON
cat > /etc/systemd/system/plain.service <<'UNIT'
[Service]
Type=notify
User=plain
WorkingDirectory=/srv/plain/src
Environment=DJANGO_SETTINGS_MODULE=bench_settings PYTHONPATH=/srv/plain/etc
RuntimeDirectory=plain
ExecStart=/srv/plain/venv/bin/gunicorn --workers 2 --threads 4 --bind unix:/run/plain/http.sock mysite.wsgi:application
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
Restart=on-failure
[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/nginx/sites-enabled/default <<'NGINX'
server {{
    listen 80;
    server_name {hosts.DOMAIN};
    location /static/ {{ alias /srv/plain/static/; }}
    location / {{ proxy_pass http://unix:/run/plain/http.sock; proxy_set_header Host $http_host; }}
}}
NGINX
"""

DEPLOY = """
cd $site/src
git fetch --quiet --tags --force origin
git checkout --quiet --force --detach "$version"
[ -x $site/venv/bin/python ] || /opt/uv/bin/uv venv --quiet $site/venv
/opt/uv/bin/uv pip install --quiet --compile-bytecode --python $site/venv/bin/python \\
    -r requirements.txt gunicorn==27.0.1 'psycopg[binary]==3.3.9'
export DJANGO_SETTINGS_MODULE=bench_settings PYTHONPATH=$site/etc
$site/venv/bin/python manage.py migrate --noinput --verbosity 0
$site/venv/bin/python manage.py collectstatic --noinput --verbosity 0
"""

START = """
systemctl daemon-reload
systemctl enable --quiet --now plain.service
systemctl restart nginx.service
"""

RELOAD = """
systemctl reload plain.service
"""

# The same things that a run of site.yml looks at: packages, files, units, accounts, the database, the answer.
CHECK = f"""
dpkg-query --show nginx postgresql git python3-venv >/dev/null
sha256sum /etc/nginx/sites-enabled/default /etc/systemd/system/plain.service $site/etc/bench_settings.py >/dev/null
systemctl is-active --quiet plain.service nginx.service postgresql.service
id plain >/dev/null
runuser -u postgres -- psql -XAtq -d plain -c "\\dt" >/dev/null
git -C $site/src rev-parse HEAD >/dev/null
curl --silent --fail --output /dev/null --header 'Host: {hosts.DOMAIN}' http://127.0.0.1/
"""


def installed(which: str) -> set[str]:
    """The packages that a host has."""
    return set(hosts.ssh(which, stdin=INSTALLED).split())


def converge(packages: Collection[str]) -> None:
    """Make a bare host serve the first version, and have these packages besides those that are needed for it."""
    wanted = " ".join(sorted({*NEEDED, *packages}))
    hosts.ssh(hosts.REFERENCE, stdin=f"{PREAMBLE}\nversion=v1\npackages='{wanted}'\n{CONVERGE}\n{DEPLOY}\n{START}")


def be_there() -> None:
    """Make the host serve, unless another measurement has done so."""
    state = hosts.ssh(hosts.REFERENCE, stdin="systemctl show --property ActiveState --value plain.service")
    if state.strip() != "active":
        converge(())


def deploy(version: str) -> None:
    """Serve another version, code and virtualenv changed in place."""
    hosts.ssh(hosts.REFERENCE, stdin=f"{PREAMBLE}\nversion={version}\n{DEPLOY}\n{RELOAD}")


def check() -> None:
    """Look whether everything is as it should be."""
    hosts.ssh(hosts.REFERENCE, stdin=f"{PREAMBLE}\n{CHECK}")
