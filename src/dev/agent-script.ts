/** Folder of the agent in a container: its scratch space, the marker, and busybox where the image lacks tools. */
export const agentFolder = "/.envctl";

/**
 * What runs in a container, as root, in the shell of its image or in busybox. It knows no path and no name beforehand:
 * these come as data, so that none is ever read as a command.
 *
 * First argument: path of busybox, or empty. Standard input: a line with a token of our own; then commands, each a line
 * `VERB BLOCK COUNT FLAGS` with BLOCK times COUNT bytes behind it (`dd` with `fullblock` is the one reader that both GNU
 * and busybox have which takes no byte too many):
 * - `put`: a tar, unpacked at the root. Flag `z`: compressed.
 * - `stage`: a tar, unpacked in the scratch space. Its file `marker` becomes the marker (flag `m`), then its lists of
 *   paths, ended by NUL, are worked off: `remove` (r), `clear` (c, with all in it), `prune` (p, folders that are empty; it says which are not),
 *   `parents` (d, folders to be made if they are missing), `moves` (v, pairs: a file of the scratch space, and where it goes, in one step that no reader sees the middle of).
 * - `stat`, `hash`: a list of paths; answers a line for each that is there.
 * Each ends with the line `TOKEN STATUS`; what stands before it are answers or complaints.
 */
export const agentScript = String.raw`
set -f
umask 022
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
folder=${agentFolder}
if [ -n "$1" ]; then
  "$1" mkdir -p $folder/bin && "$1" --install -s $folder/bin 2>/dev/null
  PATH="$folder/bin:$PATH"
fi
export PATH LC_ALL
read -r token || exit 1
missing=
for tool in cat dd mkdir mv rm rmdir sha256sum stat tar xargs; do
  command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
if [ -z "$missing" ]; then
  [ "$(printf 'abcd' | dd bs=3 count=1 iflag=fullblock 2>/dev/null)" = abc ] || missing="$missing dd"
  [ "$(printf 'a b\000' | xargs -0 printf '<%s>' 2>/dev/null)" = '<a b>' ] || missing="$missing xargs"
  stat -c '%f %u %g %n' / >/dev/null 2>&1 || missing="$missing stat"
fi
if [ -n "$missing" ]; then
  echo "$token lacks$missing"
  exit 0
fi
if ! mkdir -p $folder/stage 2>/dev/null || ! (cd $folder/stage && mkdir -p probe && rmdir probe) 2>/dev/null; then
  echo "$token read-only"
  exit 0
fi
cd $folder/stage || exit 1
# GNU alone: the -T of busybox 1.35 never ends.
mv --version 2>/dev/null | {
  read -r line
  case $line in *GNU*) exit 0 ;; esac
  exit 1
} && gnu=yes || gnu=
cat /proc/mounts
echo "$token ready"

unpack() {
  dd bs="$block" count="$count" iflag=fullblock 2>/dev/null | {
    case $flags in
    *z*) tar -xzpmf - -C "$1" 2>&1 ;;
    *) tar -xpmf - -C "$1" 2>&1 ;;
    esac
    status=$?
    cat >/dev/null
    exit $status
  }
}

work() {
  case $flags in *m*) mv -f marker ../synced.json 2>&1 || return 1 ;; esac
  status=0
  case $flags in *r*) xargs -0 rm -f -- <remove 2>&1 || status=1 ;; esac
  case $flags in *c*) xargs -0 rm -rf -- <clear 2>&1 || status=1 ;; esac
  case $flags in *p*) xargs -0 rmdir -- <prune 2>&1 ;; esac
  case $flags in *d*) xargs -0 mkdir -p -- <parents 2>&1 || status=1 ;; esac
  case $flags in *v*) place <moves 2>&1 || status=1 ;; esac
  return $status
}

place() {
  if [ -n "$gnu" ]; then xargs -0 -n 2 mv -fT --
  else xargs -0 -n 2 sh -c '
    if [ -L "$1" ]; then rm -f -- "$1"
    elif [ -d "$1" ]; then echo "$1: Is a directory"; exit 1
    fi
    mv -f -- "$0" "$1"'
  fi
}

while read -r verb block count flags; do
  case $verb in
  put) unpack / ;;
  stage) unpack . && work ;;
  stat)
    dd bs="$block" count="$count" iflag=fullblock 2>/dev/null >paths || exit 1
    xargs -0 stat -c '%f %u %g %n' -- <paths 2>/dev/null || :
    ;;
  hash)
    dd bs="$block" count="$count" iflag=fullblock 2>/dev/null >paths || exit 1
    xargs -0 sha256sum -- <paths 2>/dev/null || :
    ;;
  *) exit 1 ;;
  esac
  echo "$token $?"
done
`;
