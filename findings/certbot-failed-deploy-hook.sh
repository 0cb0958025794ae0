#!/bin/sh
# With --quiet, as Debian's unit calls it, certbot says nothing of a deploy hook that failed, and never tries it again.
#
# What:      certbot 5.8.0. A deploy hook ends with an error. Without --quiet that is one line on stderr, then "Congratulations, all
#            renewals succeeded". With --quiet it is not a single character. Both exit with 0, and as the certificate isn't due any
#            more, the next run does not call the hook.
# Expected:  the user guide has the error of a hook printed to stderr, and the command's help says that --quiet leaves errors. That
#            a failing hook doesn't change the exit status, the guide does say; so printing is the only sign it promises.
# Hurt:      whoever reloads a web server, or copies files to other machines, by a deploy hook: after one bad moment of that
#            server, it keeps the old certificate until that expires, while the timer's unit succeeds and its journal is empty.
# Instead:   watch the certificate that is served, not certbot; let the hook only leave a mark that a unit of its own works off,
#            as often as it takes.
#
# Needs Debian's lists of packages: pebble, an ACME server for tests, is unpacked into the temporary folder, not installed.
. "$(dirname "$0")/common.sh"
begin 10
install certbot==5.8.0
unpack pebble pebble-package

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>openssl.log
# shellcheck disable=SC2046
set -- $(ports 4)
cat >pebble.json <<JSON
{"pebble": {"listenAddress": "127.0.0.1:$1", "managementListenAddress": "127.0.0.1:$2", "certificate": "cert.pem",
 "privateKey": "key.pem", "httpPort": $3, "tlsPort": $4}}
JSON
export PEBBLE_VA_NOSLEEP=1 PEBBLE_VA_ALWAYS_VALID=1 REQUESTS_CA_BUNDLE="$WORK/cert.pem"
beside pebble-package/usr/bin/pebble -config pebble.json
await "$1"

cat >hook.sh <<'HOOK'
#!/bin/sh
echo called >>"$(dirname "$0")/calls"
exit 7
HOOK
chmod +x hook.sh
touch calls
calls() { wc -l <calls; }
with() {
    verb=$1
    shift
    certbot "$verb" --non-interactive --config-dir etc --work-dir lib --logs-dir log "$@"
}
renew() { with renew --no-random-sleep-on-renew "$@"; }
with certonly --server "https://localhost:$1/dir" --agree-tos --register-unsafely-without-email --standalone \
    --http-01-port "$3" --domain site.example.org >issue.log 2>&1
renewal() { renew --force-renewal --deploy-hook "$WORK/hook.sh" "$@"; }

observe renewal renewal
is renewal "Hook 'deploy-hook' reported error code 7"
is renewal 'Congratulations, all renewals succeeded'
is renewal '^exit status 0$'
observe calls calls
is calls '^1$'
observe quiet renewal --quiet
is quiet '^exit status 0$'
isnt quiet 'hook|error'
observe calls-quiet calls
is calls-quiet '^2$'
observe next-run renew
is next-run 'not yet due for renewal'
is next-run '^exit status 0$'
observe calls-next-run calls
is calls-next-run '^2$'
finish
