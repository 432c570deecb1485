#!/bin/sh
# Brings the database up to date, and makes what is missing in the folder of EXPORTD_SECRET_KEY_FILE: the server's key,
# certificates to try TLS with (30 days), an API key and a worker token. Running it again changes nothing that is there.
set -eu
umask 077
trust=$(dirname "$EXPORTD_SECRET_KEY_FILE")

if [ ! -s "$EXPORTD_SECRET_KEY_FILE" ]; then
  head -c 32 /dev/urandom > "$EXPORTD_SECRET_KEY_FILE.new"
  mv "$EXPORTD_SECRET_KEY_FILE.new" "$EXPORTD_SECRET_KEY_FILE"
fi
[ -s "$trust/authority.pem" ] || exportd-api dev-certificates "$trust" api localhost 127.0.0.1 > "$trust/settings.env"
exportd-api migrate
if [ ! -s "$trust/api-key" ]; then
  exportd-api keys create --tenant default --label compose > "$trust/api-key.new"
  mv "$trust/api-key.new" "$trust/api-key"
fi
if [ ! -s "$trust/worker-token" ]; then
  exportd-api keys create --worker --label compose > "$trust/worker-token.new"
  mv "$trust/worker-token.new" "$trust/worker-token"
fi
