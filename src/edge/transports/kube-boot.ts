/**
 * What an exec runs on the other side: it says that it is there, reads the script up to a line that ends it, and runs that.
 *
 * A script cannot simply be the stdin of `sh -s`: only the v5 protocol can close stdin and leave the rest open, and API servers before
 * v1.30 and their kubelets speak v4. So stdin stays open, and its end means that nobody is there any more: then everything that runs is
 * ended, which is the only way to end it, since neither the API nor the kubelet does when a connection goes. POSIX sh and no other program.
 *
 * `$1` is a word of this session, `$2` what FLANCTL_VIEW shall be. Exit 97: the script did not arrive whole, and nothing of it was run.
 */
export const boot = `exec 3<&0 </dev/null
if [ -n "$2" ]; then FLANCTL_VIEW=$2; export FLANCTL_VIEW; fi
echo "$1" >&2
script=$(while IFS= read -r line; do [ "$line" = "$1" ] && exit 0; printf '%s\\n' "$line"; done <&3; exit 1) || exit 97
{ read -r p n s parent group rest </proc/$$/stat; } 2>/dev/null
(
  trap '' TERM
  while read -r line; do :; done <&3
  if [ "$group" = $$ ]; then kill -TERM -$$; sleep 1; kill -KILL -$$; else kill -TERM $$; fi
) >/dev/null 2>&1 &
watch=$!
exec 3<&-
(eval "$script")
code=$?
exec 2>/dev/null
kill -KILL $watch
exit $code`;

/** Exit code of `boot` when it did not get the whole script. */
export const CUT_OFF = 97;

/** What is sent on stdin: the words, the script, and the line that ends it. */
export const sent = (words: string, script: string, end: string): string => `${words}\n${script}\n${end}\n`;
