#!/bin/sh
# Prints docker/example.env with a new random value for every secret.
set -eu
secrets=no
while IFS= read -r line; do
    case $line in
        '# Secrets'*) secrets=yes ;;
        '') secrets=no ;;
    esac
    case $secrets$line in
        yesAIRFLOW_FERNET_KEY=) line=$line$(openssl rand -base64 32 | tr '+/' '-_') ;;
        yes[A-Z]*=) line=$line$(openssl rand -hex 32) ;;
    esac
    printf '%s\n' "$line"
done < "$(dirname "$0")/example.env"
