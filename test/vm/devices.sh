#!/bin/sh
# Has this kernel the devices of every flannel backend? Asks by making them, in a namespace that nobody else sees. Says what is missing.
# Needs root; exit status 0 when all are there.
PATH=$PATH:/usr/sbin:/sbin
exec unshare --net sh -c '
  missing=
  try() { what=$1; shift; "$@" >/dev/null 2>&1 || missing="$missing $what"; }
  try wireguard ip link add wg0 type wireguard
  try ipip ip link add ipip0 type ipip local 192.0.2.1
  try esp ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 reqid 11 mode tunnel aead "rfc4106(gcm(aes))" 0x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a 128
  [ -z "$missing" ] && exit
  echo "${missing# }"
  exit 1
'
