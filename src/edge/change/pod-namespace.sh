# What stands before scripts that send packets from pods. Everything is read from arguments: over stdin comes the script itself.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH

# spaces: inode and path of every network namespace of the node, named ones first
spaces() {
  ls -1iLd /run/netns/* /var/run/netns/* 2>/dev/null
  ls -l /proc/[0-9]*/ns/net 2>/dev/null | sed -n 's|.* \(/proc/[0-9]*/ns/net\) -> net:\[\([0-9]*\)\].*|\2 \1|p'
}

# net_of ADDRESS: sets net to the path of the first namespace that holds it
net_of() {
  net=
  seen=" "
  while read -r inode path; do
    case $seen in *" $inode "*) continue ;; esac
    seen="$seen$inode "
    case $(nsenter "--net=$path" ip -o addr show scope global 2>/dev/null </dev/null) in
      *" $1/"*)
        net=$path
        return 0
        ;;
    esac
  done <<END
$(spaces)
END
  return 1
}
