"""The shell scripts whale runs in containers, as text. Pure.

They use only what POSIX gives a shell itself, no program of the image: many images have nothing but /bin/sh.
They must not change what the user's command sees.
"""

SHELL = "/bin/sh"

WAIT_FOR_SIZE = "read -r _\n"
"""First line of a wrapped command: whale sets the size, then sends the newline that this waits for."""

COMMAND = """\
case $1 in
*/*) if [ ! -e "$1" ]; then printf '%snot_found' "$0"; exit 127
     elif [ -d "$1" ] || [ ! -x "$1" ]; then printf '%snot_started' "$0"; exit 126; fi ;;
*) command -v "$1" >/dev/null 2>&1 || { printf '%snot_found' "$0"; exit 127; } ;;
esac
unset PWD OLDPWD SHLVL
exec "$@"
"""
"""Becomes the command in "$@". What can't start is said behind a mark ($0) that nobody else knows, because a
shell's own words for it differ and would look like the command's output. The variables are those that shells
add: the command gets the environment that it would get without the wrapper. (Only bash, where it is /bin/sh, puts
its SHLVL back.)"""

LOGIN_SHELL = """\
try() { case $1 in /*) [ -f "$1" ] && [ -x "$1" ] && exec "$1" -l ;; esac; }
unset PWD OLDPWD SHLVL
try "$(command -v bash)"
case ${SHELL:-} in */nologin|*/false|*/true) ;; *) try "${SHELL:-}" ;; esac
id=$(id -u 2>/dev/null) && while IFS=: read -r _ _ uid _ _ _ shell; do
    [ "$uid" = "$id" ] && break
    shell=''
done 2>/dev/null </etc/passwd
case ${shell:-} in */nologin|*/false|*/true|'') ;; *) SHELL=$shell; export SHELL; try "$shell" ;; esac
unset SHELL
exec /bin/sh -l
"""
"""Becomes bash if the container has it, else the user's own shell, else sh; each as a login shell."""

FIND_TREE = """\
session=$1 signal=$2 tries=$3
scan() {
    tree=' ' sids=' ' rows=''
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        [ "$pid" = "$$" ] && continue
        line=''
        { IFS= read -r line <"$dir/stat"; } 2>/dev/null
        [ -n "$line" ] || continue
        set -- ${line##*) }
        case $1 in Z|X) continue ;; esac
        rows="$rows $pid:$2:$3:$4"
        while IFS= read -r line || [ -n "$line" ]; do
            case $line in *"WHALE_SESSION=$session"*) tree="$tree$pid " sids="$sids$4 " ;; esac
        done 2>/dev/null <"$dir/environ"
    done
    grown=yes
    while [ -n "$grown" ]; do
        grown=''
        for row in $rows; do
            IFS=: read -r pid parent group sid <<END
$row
END
            case $tree in *" $pid "*) continue ;; esac
            case $tree in *" $parent "*) ;; *)
                case $sids in *" $sid "*) ;; *) continue ;; esac
                case $tree in *" $sid "*) ;; *) case $rows in *" $sid:"*) continue ;; esac ;; esac
            esac
            tree="$tree$pid " sids="$sids$sid " grown=yes
        done
    done
}
"""
"""Finds a session's processes from inside its container, by the rules of `host.find_tree`. It reads /proc with
the shell's own `read`, which drops the NULs of an environment."""

END_TREE = (
    FIND_TREE
    + """\
done=' '
while :; do
    scan
    [ "$tree" = ' ' ] && { echo gone; exit 0; }
    for pid in $tree; do
        case $done in *" $pid "*) continue ;; esac
        kill -s "$signal" "$pid" 2>/dev/null
        [ "$signal" = KILL ] || kill -s CONT "$pid" 2>/dev/null
        done="$done$pid "
    done
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo left; exit 0; }
    sleep 0.05 2>/dev/null || sleep 1
done
"""
)
"""Signals the tree and looks up to `tries` times, 50 ms apart, whether it has gone."""

SIGNAL_GROUP = (
    FIND_TREE
    + """\
scan
for row in $rows; do
    IFS=: read -r pid parent group sid <<END
$row
END
    case $tree in *" $pid "*) ;; *) continue ;; esac
    case $tree in *" $parent "*) continue ;; esac
    [ "$pid" = "$sid" ] && [ "$pid" = "$group" ] && kill "-$signal" "-$group" 2>/dev/null && { echo sent; exit 0; }
done
echo none
"""
)
"""Signals the process group of the tree's root: the one that leads a kernel session and has no parent in the tree."""

FIND_SESSIONS = """\
server=$1
for dir in /proc/[0-9]*; do
    line=''
    { IFS= read -r line <"$dir/stat"; } 2>/dev/null
    [ -n "$line" ] || continue
    set -- ${line##*) }
    case $1 in Z|X) continue ;; esac
    [ "$2" = 0 ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in *"WHALE_SESSION=$server."*)
            line=${line#*"WHALE_SESSION=$server."}
            printf '%s\\n' "${line%"${line#????????????????????????????????}"}" ;;
        esac
    done 2>/dev/null <"$dir/environ"
done
"""
"""Says the sessions of one server whose command runs: the engine started it from outside of the container, so that
inside it has no parent. An environment has no separators here, so an id is what comes first of its length."""
