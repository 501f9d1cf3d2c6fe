# The program inside a sandbox whose image has no Python and cannot be given ours; see shell.py.
#
# It reads one line of shell for each request, as shell.py writes them, and as many bytes of a body
# as the line says. Replies are the frames of frames.py. It is root; $drop in front of a command
# makes it the commands' user, who can touch neither this program nor its files. All that
# has to work while a command holds all places for processes is done without starting one.

group=/sys/fs/cgroup
state=$1 workdir=$2 uid=$3 open_files=$4 piece=$5
shift 5
scratch=
for directory in "$@"; do
    [ ! -d "$directory" ] || scratch="$scratch $directory"
done
drop=
worker=
current=
stream=
nl='
'
umask 022
ulimit -c 0

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

# How to become another user differs from image to image.
choose_drop() {
    if setpriv --reuid="$uid" --regid="$uid" --clear-groups true; then
        drop="setpriv --reuid=$uid --regid=$uid --clear-groups"
    elif setuidgid "$uid:$uid" true; then
        drop="setuidgid $uid:$uid"
    elif choose_user && su -s /bin/sh -c true -- "$user"; then
        uid=$(su -s /bin/sh -c 'id -u' -- "$user")
        # Options end before the user's name, and what follows that is the shell's.
        printf 'exec su -p -s /bin/sh -c '\''exec "$0" "$@"'\'' -- %s "$@"\n' "$user" > "$state/as"
        drop="/bin/sh $state/as"
    else
        return 1
    fi 2> "$state/err"
}

# su wants a name: that of the commands' user, if the image has one.
choose_user() {
    user=nobody
    while IFS=: read -r name password number rest; do
        [ "$number" != "$uid" ] || user=$name
    done < /etc/passwd
}

# take N: the next N bytes of our input, and no byte more.
take() {
    [ "$(($1 >> 16))" -eq 0 ] || dd bs=65536 count="$(($1 >> 16))" iflag=fullblock
    [ "$(($1 & 65535))" -eq 0 ] || dd bs="$(($1 & 65535))" count=1 iflag=fullblock
} 2> /dev/null

# size FILE: sets $size.
size() {
    size=0
    [ ! -s "$1" ] || size=$(($(wc -c < "$1")))
}

# escape N: sets $escaped to a big-endian 32-bit number in printf's escapes.
escape() {
    escaped=
    for shift in 24 16 8 0; do
        byte=$(($1 >> shift & 255))
        escaped="$escaped\\$((byte >> 6))$((byte >> 3 & 7))$((byte & 7))"
    done
}

# frame HEAD N: all of a frame but its body of N bytes. Heads are ASCII.
frame() {
    escape "${#1}"
    lengths=$escaped
    escape "$2"
    printf "$lengths$escaped%s" "$1"
}

# answer ID [WHY]
answer() {
    if [ -z "${2-}" ]; then frame "{\"id\":$1}" 0; else frame "{\"id\":$1,\"error\":\"$2\"}" 0; fi
}

# complaint: what the last command said on its standard error, fit for a head.
complaint() {
    if [ -s "$state/err" ]; then
        head -c 300 "$state/err" | tr -c ' !#-[]-~' ' '
    else
        printf 'it failed without a word'
    fi
}

# survey: sets $all, $alive and $running to the processes of the commands' user.
survey() {
    all= alive= running=
    for entry in /proc/[0-9]*; do
        kind= owner=
        while read -r key value rest; do
            case $key in
            State:) kind=$value ;;
            Uid:)
                owner=$value
                break
                ;;
            esac
        done 2> /dev/null < "$entry/status" || continue
        [ "$owner" = "$uid" ] || continue
        all="$all ${entry#/proc/}"
        case $kind in
        Z | X) continue ;;
        T | t) ;;
        *) running="$running ${entry#/proc/}" ;;
        esac
        alive="$alive ${entry#/proc/}"
    done 2> /dev/null
}

# sweep: kill all of the commands' user; sets $killed to how many there were. They are stopped
# first: stopped processes hold their places, so a fork bomb runs out of room.
sweep() {
    killed=0
    survey
    while [ -n "$running" ]; do
        kill -STOP $running
        survey
    done
    for pid in $alive; do killed=$((killed + 1)); done
    # Dead ones hold places too until they are reaped.
    while [ -n "$all" ]; do
        [ -z "$alive" ] || kill -KILL $alive
        survey
    done
} 2> /dev/null

# settle: wait for the command that was cancelled or that a reset ended.
settle() {
    [ -z "$worker" ] || wait "$worker"
    worker= current=
}

# runs PID: whether a process is there and has not ended.
runs() {
    while read -r key value rest; do
        case $key$value in
        State:[ZX]) return 1 ;;
        State:*) return 0 ;;
        esac
    done < "/proc/$1/status"
    return 1
} 2> /dev/null

# stop: end the command. One sweep is not enough: before it becomes its user's it cannot be seen.
stop() {
    while [ -n "$worker" ] && runs "$worker"; do sweep; done
    sweep
    settle
}

# counter NAME KEY FILE...: sets $NAME to the number beside the key in the first file there is; with
# the key -, to the number that is all the file holds.
counter() {
    eval "$1=0"
    variable=$1 wanted=$2
    shift 2
    for file in "$@"; do
        [ -r "$file" ] || continue
        while read -r key value; do
            [ "$wanted" != - ] || value=$key key=-
            [ "$key" != "$wanted" ] || eval "$variable=\$value"
        done < "$file"
        return
    done
}

# count: sets $kills, $refusals and $cpu_us, of this container so far.
count() {
    counter kills oom_kill "$group/memory.events" "$group/memory/memory.oom_control"
    counter refusals max "$group/pids.events" "$group/pids/pids.events"
    if [ -r "$group/cpu.stat" ]; then
        counter cpu_us usage_usec "$group/cpu.stat"
    else
        counter cpu_us - "$group/cpuacct/cpuacct.usage"
        cpu_us=$((cpu_us / 1000))
    fi
}

# alarm SECONDS: ends the command when they are over, and goes on until it is told that it has ended.
alarm() {
    trap 'kill "$!"; exit' TERM
    sleep "$1" &
    wait "$!"
    : > "$state/late"
    while :; do sweep; done
}

# keep NAME LIMIT: what comes through a pipe, up to a byte more than the limit; it never stalls.
keep() {
    head -c "$(($2 + 1))" > "$state/$1" || : > "$state/cut"
    cat > /dev/null
}

# labour ID SECONDS LIMIT COMMAND...: run a command to the end of its last process; answer.
labour() {
    id=$1 seconds=$2 limit=$3
    shift 3
    rm -f "$state/late" "$state/cut"
    count
    old_kills=$kills old_refusals=$refusals old_cpu_us=$cpu_us
    read -r began _ < /proc/uptime
    keep out "$limit" < "$state/o" &
    out_keeper=$!
    keep err "$limit" < "$state/e" &
    err_keeper=$!
    (
        echo 1000 > /proc/self/oom_score_adj
        ulimit -n "$open_files"
        exec $drop "$@"
    ) < "$state/in" > "$state/o" 2> "$state/e" &
    command=$!
    alarm "$seconds" &
    alarm=$!
    wait "$command"
    rc=$?
    kill "$alarm"
    wait "$alarm"
    sweep
    wait "$out_keeper" "$err_keeper"
    report
} 2> /dev/null

# centiseconds NAME: sets $NAME, a time as /proc/uptime has it, to centiseconds.
centiseconds() {
    eval "fraction=\${$1#*.} whole=\${$1%.*}"
    eval "$1=$((whole * 100 + 1$fraction - 100))"
}

report() {
    read -r ended _ < /proc/uptime
    count
    late=false cut=false oom=false refused=false
    [ ! -e "$state/cut" ] || cut=true
    if [ -e "$state/late" ]; then late=true rc=137 killed=0; fi
    [ "$rc" -eq 0 ] || [ "$kills" -le "$old_kills" ] || oom=true
    [ "$refusals" -le "$old_refusals" ] || refused=true
    size "$state/out"
    out=$size
    size "$state/err"
    err=$size
    if [ "$out" -gt "$limit" ]; then out=$limit cut=true; fi
    if [ "$err" -gt "$limit" ]; then err=$limit cut=true; fi
    centiseconds began
    centiseconds ended
    wall=$((ended - began))
    head="{\"id\":$id,\"rc\":$rc,\"num_stdout\":$out,\"truncated\":$cut,\"timed_out\":$late"
    head="$head,\"oom_killed\":$oom,\"leftovers\":$killed,\"wall_s\":${wall}e-2"
    head="$head,\"pids_limited\":$refused,\"cpu_s\":$((cpu_us - old_cpu_us))e-6}"
    frame "$head" "$((out + err))"
    [ "$out" -eq 0 ] || head -c "$out" "$state/out"
    [ "$err" -eq 0 ] || head -c "$err" "$state/err"
}

# The requests. Each line calls one of these; the first argument is its number.

request_hello() {
    frame "{\"id\":$1}" 2
    printf sh
}

# request_exec ID SECONDS LIMIT SIZE COMMAND...: in the background, so that it can be cancelled.
request_exec() {
    settle
    id=$1 seconds=$2 limit=$3 size=$4
    shift 4
    : > "$state/in"
    if [ "$size" -gt 0 ] && ! take "$size" | keep_input; then
        answer "$id" "no room for its input"
        return
    fi
    labour "$id" "$seconds" "$limit" "$@" &
    worker=$! current=$id
}

keep_input() {
    cat > "$state/in"
    kept=$?
    cat > /dev/null
    return "$kept"
} 2> /dev/null

request_python() {
    request_exec "$@"
}

# request_cancel ID NUMBER
request_cancel() {
    [ "$current" != "$2" ] || stop
    [ "$stream" != "$2" ] || hang_up
}

# request_read ID LIMIT PATH
request_read() {
    settle
    if ! $drop /bin/sh -c "$look" "$3" "$(($2 + 1))" \
        < /dev/null > "$state/out" 2> "$state/err"; then
        answer "$1" "$(complaint)"
        return
    fi
    size "$state/out"
    if [ "$size" -gt "$2" ]; then
        answer "$1" "longer than the $2 bytes allowed"
    else
        frame "{\"id\":$1}" "$size"
        cat "$state/out"
    fi
}

look='[ -e "$0" ] || { echo "No such file or directory" >&2; exit 1; }
[ -f "$0" ] || { echo "not a regular file" >&2; exit 1; }
exec head -c "$1" "$0"'

# request_write ID MODE SIZE PATH
request_write() {
    settle
    take "$3" | {
        $drop /bin/sh -c "$put" "$4" "$2" 2> "$state/err"
        echo "$?" > "$state/rc"
        cat > /dev/null
    }
    finish "$1"
}

put='mkdir -p "${0%/*}/" || exit
[ ! -e "$0" ] || [ -f "$0" ] || { echo "not a regular file" >&2; exit 1; }
cat > "$0" && chmod "$1" "$0"'

# finish ID: answer by the status that was left in a file.
finish() {
    read -r rc < "$state/rc"
    if [ "$rc" -eq 0 ]; then answer "$1"; else answer "$1" "$(complaint)"; fi
}

# empty: end the command and delete what the commands' user can write.
empty() {
    stop
    $drop /bin/sh -c "$clear" "$workdir" $scratch < /dev/null 2> "$state/err"
}

# What stays at first is what a directory keeps that nobody may enter.
clear='for directory in "$0" "$@"; do
    rm -rf "$directory"
    for left in "$directory"/* "$directory"/.*; do
        [ ! -d "$left" ] || [ -L "$left" ] || [ "${left##*/}" = . ] || [ "${left##*/}" = .. ] ||
            { chmod -R u+rwx "$left"; rm -rf "$left"; }
    done
    [ -z "$(ls -A "$directory")" ] || exit 1
done 2> /dev/null'

# left_over: says what of the kernel's tables a command has left; nothing here can remove it.
left_over() {
    for table in shm sem msg; do
        rows=0
        while read -r row; do rows=$((rows + 1)); done < "/proc/sysvipc/$table"
        [ "$rows" -le 1 ] || printf 'System V %s is left' "$table"
    done 2> /dev/null
}

# request_reset ID
request_reset() {
    hang_up
    if empty; then answer "$1" "$(left_over)"; else answer "$1" "not all files could be deleted"; fi
}

# Streams of files: each request moves a piece, between a tar in the background and a pipe.

# hang_up: end a stream, be it at its end or not; sets $rc to tar's status.
hang_up() {
    [ -n "$stream" ] || return 0
    exec 3<&- 4>&-
    [ "${1-}" = "end" ] || sweep
    wait "$tar"
    rc=$?
    stream=
}

# pack: the working directory as an archive; leaves tar's status in a file.
pack() {
    $drop tar -cf - -C "$workdir" . < /dev/null
    echo "$?" > "$state/rc"
}

# request_snapshot ID LIMIT: packed twice, since it must not be too long; nothing runs that could change it.
request_snapshot() {
    settle
    left=$(pack 2> "$state/err" | head -c "$(($2 + 1))" | wc -c)
    left=$((left))
    if [ "$left" -gt "$2" ]; then
        answer "$1" "it takes more than the $2 bytes allowed"
    elif read -r rc < "$state/rc" && [ "$rc" -ne 0 ]; then
        answer "$1" "$(complaint)"
    else
        $drop tar -cf - -C "$workdir" . < /dev/null > "$state/s" 2> /dev/null &
        tar=$! stream=$1 sink=false
        exec 3< "$state/s"
        give "$1"
    fi
}

# give ID: the next piece.
give() {
    dd bs=65536 count="$((piece >> 16))" iflag=fullblock <&3 > "$state/out" 2> /dev/null
    size "$state/out"
    left=$((left - size))
    if [ "$left" -gt 0 ] && [ "$size" -gt 0 ]; then
        frame "{\"id\":$1,\"more\":true}" "$size"
    else
        hang_up end
        if [ "$left" -ne 0 ]; then
            answer "$1" "it changed meanwhile"
            return
        fi
        frame "{\"id\":$1}" "$size"
    fi
    cat "$state/out"
}

# request_restore ID SIZE MORE
request_restore() {
    hang_up
    if ! empty; then
        take "$2" > /dev/null
        answer "$1" "not all files could be deleted"
        return
    fi
    $drop tar -xpof - -C "$workdir" < "$state/s" > /dev/null 2> "$state/err" &
    tar=$! stream=$1 sink=true
    exec 4> "$state/s"
    put_piece "$@"
}

# put_piece ID SIZE MORE
put_piece() {
    take "$2" | {
        cat >&4
        cat > /dev/null
    } 2> /dev/null
    if [ "$3" = true ]; then
        frame "{\"id\":$1,\"more\":true}" 0
        return
    fi
    hang_up end
    if [ "$rc" -eq 0 ]; then answer "$1"; else answer "$1" "$(complaint)"; fi
}

# request_more ID SIZE MORE: the next piece of the stream, in whichever direction.
request_more() {
    if [ -z "$stream" ]; then
        take "$2" > /dev/null
        answer "$1" "it was given up"
    elif $sink; then
        put_piece "$@"
    else
        give "$1"
    fi
}

for tool in cat chmod dd env head id ls mkdir mkfifo rm sleep tar tr wc; do
    command -v "$tool" > /dev/null || fail "the image has no $tool, which its shell agent needs"
done
# A directory that the image has keeps the image's mode.
chmod 1777 "$workdir" $scratch || fail "cannot let commands write in $workdir"
choose_drop || fail "the image has no setpriv, setuidgid or su that could change the user"
# Writable for all: a command may open its own output again, as /dev/stdout.
mkfifo -m 622 "$state/o" "$state/e"
mkfifo -m 600 "$state/s"
while IFS= read -r line; do
    eval "request_$line"
done
sweep
