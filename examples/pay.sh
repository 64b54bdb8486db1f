#!/usr/bin/env bash
# Pays through the guardian with cast: `examples/pay.sh SOCKET TO WEI`.
set -euo pipefail

pending='error code -32003'

socket=$1 to=$2 wei=$3
wallet=$(cast rpc --rpc-url "$socket" eth_accounts | grep -om1 '0x[0-9a-fA-F]\{40\}')
until answer=$(cast send --rpc-url "$socket" --unlocked --from "$wallet" --async \
  "$to" --value "$wei" 2>&1); do
  echo "$answer" >&2
  [[ $answer == *"$pending"* ]] || exit 1
  # The same call again joins the request that waits; it never pays twice.
  sleep 1
done
echo "$answer"
