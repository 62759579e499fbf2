# flanctl's hands on a node that is being changed: sh -s -- COMMAND ID OWNER WORDS... < this file (node-agent.ts composes the call).
#
# POSIX sh; dash, bash and busybox ash run it. Needs iproute2, flock and setsid. Nothing happens before the last line is here.
# Over 250 lines: one file, because it travels as one, and the guard runs from one copy of it.
#
# A change is a folder, /var/lib/flanctl/changes/ID:
#   header      one line of JSON: who, what, since when
#   steps/0003  stage 3: its phase, its title, an index `run TOOL FIRST LAST` and `undo TOOL FIRST LAST` (line numbers of this file), `.`,
#               the lines, `end`. A third kind, `keep gzip`, is for whoever compares tables later: nothing here reads it
#   state/      one empty file a stage, 0003.begun, renamed to done, failed, undone, undo-failed
#   outcome.X   one empty file, open, firing (the timer has run out and is undoing), done, rolled-back, timed-out, abandoned
#   watch       deadline, progress, deadline; overwritten in place, and only believed when both numbers agree
#   owner       which run of flanctl may act: one that takes a change over shuts the former out
#   busy, book  locks: on running and undoing, and on the watch together with the outcome
#   boot        which boot of the node it began in: after another one its tables are new
#   guard, running  process ids;  agent.sh  this file;  log  what an undo could not do
# What must work on a full disk is a rename or a write in place, so that no block is needed: extending, undoing, ending.
# Time is /proc/uptime: setting the clock moves no deadline.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH
umask 077
# Whoever asked may be gone when it is answered: what was begun comes to its end all the same.
trap '' PIPE
root=/var/lib/flanctl
changes=$root/changes

now() {
  read -r up idle </proc/uptime
  now=${up%%.*}
}

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# To the disk: these files where sync takes names, else everything.
persist() { sync "$@" 2>/dev/null || sync; }

# take FD TENTHS: waits for the lock on an open file. (busybox flock has no -w.)
take() {
  left=$2
  until flock -n "$1"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    nap
  done
}

refuse() {
  printf 'refused %s\n' "$*"
  exit 0
}

# Does the guard of this change hold the node's lock?
guarded() {
  holder=
  read -r holder 2>/dev/null <"$root/lock"
  [ "$holder" = "$id" ] || return 1
  if (flock -n 9) 9<"$root/lock"; then return 1; fi
}

mine() {
  have=
  read -r have 2>/dev/null <"$here/owner"
  [ "$have" = "$owner" ]
}

# What the watch says, when it is whole: due, progress.
heed() {
  read -r a b c 2>/dev/null <"$here/watch" || return 1
  [ -n "$a" ] && [ "$a" = "$c" ] || return 1
  due=$a
  progress=$b
}

# wind TTL PROGRESS ("-" keeps it). In place and of one length; read again, because not every printf notices a full disk.
wind() {
  now
  heed
  wanted=$((now + $1))
  [ "$2" = - ] || progress=$2
  printf '%-12d %-9s %-12d\n' "$wanted" "$progress" "$wanted" 1<>"$here/watch" || return 1
  heed && [ "$due" = "$wanted" ]
}

outcome() {
  for file in "$here"/outcome.*; do
    [ -e "$file" ] && printf '%s\n' "${file##*.}" && return
  done
  echo open
}

become() {
  for file in "$here"/outcome.*; do
    if [ "$file" != "$here/outcome.$1" ]; then mv "$file" "$here/outcome.$1"; fi
  done
}

# The state of a stage is the extension of its file; empty when it was never begun.
state() {
  for file in "$here/state/$1".*; do
    [ -e "$file" ] && printf '%s\n' "${file##*.}" && return
  done
}
mark() {
  for file in "$here/state/$1".*; do
    if [ "$file" != "$here/state/$1.$2" ]; then mv "$file" "$here/state/$1.$2"; fi
  done
}

# Runs lines of `sh` as ip -batch runs its own: in order, saying which one failed; the first failure ends it unless told -force.
lines() {
  number=0
  bad=0
  while IFS= read -r line; do
    number=$((number + 1))
    # A daemon that the line starts would keep the locks for as long as it lives.
    (eval "$line") </dev/null 7>&- 8>&- 9>&- && continue
    echo "Command failed -:$number" >&2
    bad=1
    [ "$1" = -force ] || break
  done
  return $bad
}

# The program's file: many a busybox takes its own ip, which knows no -batch, before the one in PATH.
where() {
  IFS=:
  for folder in $PATH; do
    [ -x "$folder/$1" ] && printf '%s\n' "$folder/$1" && break
  done
  unset IFS
}

# batch FILE TOOL FIRST LAST [-force]: runs these lines of the file; what was said on stderr is in `said`. No temporary file.
batch() {
  case $2 in
    ip | bridge) said=$(sed -n "$3,$4p;$4q" "$1" | "$(where "$2")" $5 -batch - 2>&1 >/dev/null) ;;
    sh) said=$(sed -n "$3,$4p;$4q" "$1" | lines "$5" 2>&1 >/dev/null) ;;
    *) said="no such tool: $2" && return 1 ;;
  esac
}

# play STAGE: runs a stage that is written down. A process of its own, so that it comes to its end when the connection does not.
play() {
  printf '%-12d\n' $$ 1<>"$here/running"
  step=$here/steps/$1
  nth=0
  while read -r word tool first last; do
    [ "$word" != . ] || break
    [ "$word" = run ] || continue
    if ! batch "$step" "$tool" "$first" "$last"; then
      mark "$1" failed
      printf 'failed %s\n' "$nth"
      printf '%s\n' "$said"
      exit 0
    fi
    nth=$((nth + 1))
  done <"$step"
  mark "$1" done
  echo "done"
}

# Was this line of an undo only told that there is nothing to undo? LINE MESSAGE
moot() {
  case " $1 " in
    *" del "* | *" delete "* | *" remove "*)
      case $2 in *"No such process"* | *"No such file"* | *"Cannot find device"* | *"No such device"* | *"Cannot assign requested address"* | *"does not exist"*) return 0 ;; esac ;;
    # A setting of a device that has gone goes with it.
    *" > /proc/sys/net/"*)
      case $2 in *"nonexistent"* | *"No such file"*) return 0 ;; esac ;;
    *" add "* | *" append "*)
      case $2 in *"File exists"* | *"already assigned"*) return 0 ;; esac ;;
  esac
  return 1
}

# complaints FILE TOOL FIRST: what an undo was told, less what is moot, a line each.
complaints() {
  message=
  hits=0
  printf '%s\n' "$said" | {
    while IFS= read -r line; do
      case $line in
        "Command failed -:"*)
          hits=$((hits + 1))
          text=$(sed -n "$(($3 + ${line##*:} - 1))p" "$1")
          moot "$text" "$message" || printf 'failed %s %s: %s\n' "$2" "$text" "$message"
          message= ;;
        ?*) message=$line ;;
      esac
    done
    # A tool that could not be started, or was killed, names no line.
    if [ "$hits" = 0 ]; then printf 'failed %s: %s\n' "$2" "$message"; fi
  }
}

# back STAGE: undoes a stage from wherever its run was cut off; prints `failed` lines for what could not be undone.
back() {
  case $(state "$1") in '' | undone) return 0 ;; esac
  step=$here/steps/$1
  trouble=
  while read -r word tool first last; do
    [ "$word" != . ] || break
    [ "$word" = undo ] || continue
    batch "$step" "$tool" "$first" "$last" -force && continue
    real=$(complaints "$step" "$tool" "$first")
    [ -n "$real" ] || continue
    trouble=yes
    printf '%s\n' "$real"
  done <"$step"
  if [ -n "$trouble" ]; then mark "$1" undo-failed; else mark "$1" undone; fi
}

# Every stage that was begun, last first; `flips` only those, `rest` all others.
stages() {
  for entry in $(ls -r "$here/state" 2>/dev/null); do
    stage=${entry%%.*}
    read -r phase <"$here/steps/$stage" || continue
    case $1:$phase in
      flips:flip) ;;
      flips:* | rest:flip) continue ;;
    esac
    printf '%s\n' "$stage"
  done
}
retreat() {
  for stage in $(stages "$1"); do back "$stage"; done >>"$here/log" 2>/dev/null || :
}

# Ends what still runs of a step: a session of its own, led by `play`.
stop_running() {
  runner=
  read -r runner 2>/dev/null <"$here/running"
  case $(tr '\0' ' ' 2>/dev/null <"/proc/${runner:-0}/cmdline") in
    *"play $id"*) kill -KILL "-$runner" 2>/dev/null ;;
  esac
}

# The deadline has passed. Waits for what runs on the node to end, helping it after five seconds.
expire() {
  exec 8<"$here/busy"
  tries=0
  until flock -n 8; do
    tries=$((tries + 1))
    if [ $tries -ge 5 ]; then stop_running; fi
    sleep 1 9>&- 8>&-
  done
  exec 7<"$here/book"
  take 7 100
  heed
  now
  if [ "$now" -lt "$due" ]; then
    exec 7>&- 8>&-
    return
  fi
  become firing
  exec 7>&-
  end=open
  case $progress in
    # Others may have let go already and need the new path here; the old one is whole, so only the routes go back.
    final) retreat flips ;;
    applying)
      retreat flips
      exec 8>&-
      # The others go back at their own deadlines; until then their packets come by the new path.
      now
      last=$((now + grace))
      while [ "$now" -lt "$last" ]; do
        sleep 1 9>&-
        now
      done
      exec 8<"$here/busy"
      until flock -n 8; do sleep 1 9>&- 8>&-; done
      retreat all
      end=timed-out
      for entry in $(ls "$here/state"); do
        case $entry in *.undone) ;; *) end=open ;; esac
      done ;;
  esac
  # Ended by somebody in the meantime?
  if [ "$(outcome)" = firing ]; then become $end; fi
  exit 0
}

guard() {
  cd /
  grace=$owner
  : >>"$root/lock" || exit 1
  exec 9<"$root/lock"
  if ! take 9 20; then
    : >"$here/guard.held"
    exit 1
  fi
  printf '%s\n' "$id" >"$root/lock" || exit 1
  heed || exit 1
  printf '%s\n' $$ >"$here/guard" || exit 1
  while [ -e "$here/outcome.open" ] || [ ! -d "$here" ]; do
    heed
    now
    if [ "$now" -ge "$due" ]; then expire; fi
    sleep 1 9>&-
  done
}

start_guard() {
  rm -f "$here/guard" "$here/guard.held"
  if ! { [ -d /run/systemd/system ] && command -v systemd-run >/dev/null &&
    { systemd-run --quiet --collect --unit="flanctl-$id-$$" sh "$here/agent.sh" guard "$id" "$1" ||
      systemd-run --quiet --unit="flanctl-$id-$$" sh "$here/agent.sh" guard "$id" "$1"; } >/dev/null 2>&1; }; then
    setsid sh "$here/agent.sh" guard "$id" "$1" </dev/null >/dev/null 2>&1 &
  fi
  left=100
  until [ -s "$here/guard" ] && guarded; do
    left=$((left - 1))
    if [ -e "$here/guard.held" ] || [ $left = 0 ]; then return 1; fi
    nap
  done
}

# Ends the guard and the sleep under it (its process group), and sees the lock free.
end_guard() {
  pid=
  read -r pid 2>/dev/null <"$here/guard"
  case $(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-0}/cmdline") in
    *"guard $id"*) kill -TERM "-$pid" 2>/dev/null ;;
  esac
  holder=
  read -r holder 2>/dev/null <"$root/lock"
  [ "$holder" = "$id" ] || return 0
  exec 9<"$root/lock"
  take 9 50 && : >"$root/lock"
  exec 9>&-
}

# arm ID OWNER TTL GRACE PROGRESS; payload: the header, this file, end
arm() {
  for tool in flock setsid ip bridge sync; do
    command -v $tool >/dev/null || refuse "it has no program $tool"
  done
  case $("$(where ip)" -V 2>/dev/null) in *iproute2*) ;; *) refuse "its ip is not iproute2" ;; esac
  trouble=$(mkdir -p "$changes" 2>&1) || refuse "its journal cannot be written: $trouble"
  fresh=
  if ! guarded; then
    if [ -e "$root/lock" ] && ! (flock -n 9) 9<"$root/lock"; then
      printf 'held alive %s\n' "$holder"
      [ -n "$holder" ] && cat "$changes/$holder/header" 2>/dev/null
      exit 0
    fi
    for other in "$changes"/*/outcome.open "$changes"/*/outcome.firing; do
      other=${other%/*}
      if [ -e "$other/header" ] && [ "$other" != "$here" ]; then
        printf 'held gone %s\n' "${other##*/}"
        cat "$other/header"
        exit 0
      fi
    done
    if [ ! -e "$here/header" ]; then fresh=yes; fi
    trouble=$(open_change "$@" 2>&1) || { undo_arm; refuse "its journal cannot be written: ${trouble:-no space left}"; }
    persist "$here"/* "$here" "$changes"
    if ! start_guard "$2"; then
      if [ -e "$here/guard.held" ]; then
        undo_arm
        read -r holder 2>/dev/null <"$root/lock"
        printf 'held alive %s\n' "$holder"
        [ -n "$holder" ] && cat "$changes/$holder/header" 2>/dev/null
        exit 0
      fi
      end_guard
      undo_arm
      refuse "the dead-man timer did not start"
    fi
  else
    # Taken over, by another run of flanctl or after a lost answer.
    exec 7<"$here/book"
    take 7 100
    printf '%s\n' "$owner" >"$here/owner" && mine && wind "$1" "$3" || refuse "its journal cannot be written"
  fi
  echo armed
}

open_change() {
  mkdir -p "$here/steps" "$here/state" || return 1
  printf '%s\n' "$payload" | cat >"$here/payload" || return 1
  [ "$(tail -n 1 "$here/payload")" = end ] || return 1
  sed -n 1p "$here/payload" >"$here/header" || return 1
  sed '1d;$d' "$here/payload" >"$here/agent.sh" || return 1
  [ "$(tail -n 1 "$here/agent.sh")" = 'main "$@"' ] || return 1
  rm -f "$here/payload"
  printf '%s\n' "$owner" >"$here/owner" && mine || return 1
  printf '%-12d\n' 0 >"$here/running" || return 1
  : >"$here/busy" && : >"$here/book" && : >>"$here/log" || return 1
  progress=applying
  heed
  : >"$here/watch"
  wind "$1" "$3" || return 1
  if [ -n "$fresh" ]; then
    cat /proc/sys/kernel/random/boot_id >"$here/boot" || return 1
    : >"$here/outcome.open"
  else
    become open
  fi
}

undo_arm() { if [ -n "$fresh" ]; then rm -rf "$here"; fi; }

# Only a change that is armed, not run out, and ours may write.
alive() {
  mine && [ -e "$here/outcome.open" ] && guarded && heed || return 1
  now
  [ "$now" -lt "$due" ]
}

extend() {
  if mine && exec 7<"$here/book" && take 7 100 && alive && wind "$1" "$2"; then echo extended; else echo expired; fi
}

# run ID OWNER STAGE; payload: the step, end
run() {
  [ -e "$here/busy" ] && exec 8<"$here/busy" && take 8 200 && alive || { echo expired; exit 0; }
  trouble=$(write_step "$1" 2>&1) || {
    rm -f "$here/steps/$1.new"
    [ -n "$(state "$1")" ] || rm -f "$here/steps/$1"
    printf 'failed -\nits journal cannot be written: %s\n' "${trouble:-no space left}"
    exit 0
  }
  setsid sh "$here/agent.sh" play "$id" - "$1"
}

# The step with its undo, and that it is begun: one sync for both, and not a line runs before it. Should the machine stop in between, a stage is
# begun of which nothing ran, so that an undo that was cut off has nothing to do. What an earlier run of the stage left is replaced whole.
write_step() {
  new=$here/steps/$1
  old=$(state "$1")
  if [ -n "$old" ]; then new=$new.new; fi
  # cat says why it cannot write; printf starts no process. Not every printf notices a full disk.
  printf '%s\n' "$payload" 2>/dev/null >"$new" || printf '%s\n' "$payload" | cat >"$new" || return 1
  [ "$(tail -n 1 "$new")" = end ] || return 1
  if [ -n "$old" ]; then
    persist "$new"
    mv "$new" "$here/steps/$1" || return 1
    mark "$1" begun
  else
    : >"$here/state/$1.begun" || return 1
  fi
  persist "$here/steps/$1" "$here/steps" "$here/state"
}

# undo ID OWNER [again] STAGE...
undo() {
  mine && exec 8<"$here/busy" && take 8 600 || { echo expired; exit 0; }
  if [ "$1" = again ]; then
    shift
    for stage; do if [ -e "$here/state/$stage.undone" ]; then mark "$stage" begun; fi; done
  fi
  if [ -e "$here/agent.sh" ]; then setsid sh "$here/agent.sh" unplay "$id" - "$@"; else unplay "$@"; fi
  echo undone
}
unplay() { for stage; do back "$stage"; done; }

finish() {
  mine && exec 8<"$here/busy" && take 8 600 || { echo expired; exit 0; }
  end_guard
  become "$1"
  clear_away
  tidy
  echo finished
}

# What only the guard needed goes; the journal stays.
clear_away() {
  rm -f "$here/agent.sh" "$here/running" "$here/busy" "$here/book" "$here/guard" "$here/owner" "$here/payload"
  if [ ! -s "$here/log" ]; then rm -f "$here/log"; fi
}

# Of ended changes the newest thirty stay.
tidy() {
  count=0
  for old in $(ls -r "$changes"); do
    count=$((count + 1))
    if [ $count -gt 30 ] && [ ! -e "$changes/$old/outcome.open" ]; then rm -rf "${changes:?}/$old"; fi
  done
}

# Ends whoever holds the lock, and every change that is open: nothing is undone, no timer is left.
unlock() {
  for folder in "$changes"/*; do
    here=$folder
    id=${folder##*/}
    case $(outcome) in open | firing) ;; *) continue ;; esac
    [ -e "$here/header" ] || continue
    end_guard
    become abandoned
    clear_away
    printf 'unlocked %s\n' "$id"
  done
  echo end
}

journals() {
  count=0
  for folder in $(ls -r "$changes" 2>/dev/null); do
    here=$changes/$folder
    id=$folder
    [ -e "$here/header" ] || continue
    count=$((count + 1))
    [ $count -le 50 ] || break
    printf 'change %s\nheader ' "$id"
    head -n 1 "$here/header"
    printf 'outcome %s\n' "$(outcome)"
    boot=
    read -r boot 2>/dev/null <"$here/boot"
    read -r current </proc/sys/kernel/random/boot_id
    if [ -n "$boot" ] && [ "$boot" != "$current" ]; then echo 'boot another'; fi
    due=
    progress=applying
    heed
    now
    if guarded; then printf 'watch %s %s\n' "$progress" $((due - now)); else printf 'watch %s gone\n' "$progress"; fi
    for entry in $(ls "$here/state"); do
      stage=${entry%%.*}
      { read -r phase && IFS= read -r title; } <"$here/steps/$stage" || continue
      printf 'step %s %s %s %s\n' "$stage" "${entry#*.}" "$phase" "$title"
    done
    if [ -s "$here/log" ]; then tail -n 50 "$here/log" | sed 's/^/log /'; fi
  done
  echo end
}

# What each step keeps for flanctl: `keep STAGE TEXT`.
operations() {
  for step in "$here"/steps/????; do
    # Without a state it was cut off while it was written.
    [ -n "$(state "${step##*/}")" ] || continue
    while read -r word tool first last; do
      [ "$word" != . ] || break
      if [ "$word" = keep ]; then printf 'keep %s %s\n' "${step##*/}" "$(sed -n "${first}p;${first}q" "$step")"; fi
    done <"$step"
  done 2>/dev/null
  echo end
}

main() {
  command=$1
  id=$2
  owner=$3
  here=$changes/$id
  shift 3
  case $command in
    arm | extend | run | undo | finish | unlock | journals | operations | play | unplay) "$command" "$@" ;;
    guard) guard ;;
    *) refuse "no such command: $command" ;;
  esac
}
main "$@"
