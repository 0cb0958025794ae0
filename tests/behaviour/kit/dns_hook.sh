#!/bin/sh
# Changes a zone of the lab's name servers, as an operator's own script would at a provider of DNS.
set -eu
test "$(cat "$CREDENTIALS_DIRECTORY/dns")" = "the zone's key"
record="_acme-challenge.$CERTBOT_DOMAIN."
case $1 in
    add) action=set-txt message="{\"host\": \"$record\", \"value\": \"$CERTBOT_VALIDATION\"}" ;;
    remove) action=clear-txt message="{\"host\": \"$record\"}" ;;
esac
exec python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], sys.argv[2].encode())' "http://127.0.0.1:8055/$action" "$message"
