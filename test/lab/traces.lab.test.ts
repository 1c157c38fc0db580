import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { describeLab } from "./describe-lab.ts";

/**
 * A machine within the machine, with network, mounts and processes of its own: nobody else's doings disturb the
 * comparison, and should the lab leave something behind, it goes with this shell.
 */
const machine = [
  "unshare",
  "--net",
  "--mount",
  "--propagation",
  "private",
  "--pid",
  "--fork",
  "--mount-proc",
  "bash",
  "-euc",
];
const snapshot = `
if mountpoint -q /run/netns; then umount --recursive /run/netns; fi
mount -t tmpfs tmpfs /run
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_forward
snapshot() {
  {
    echo "# namespaces"; ip netns list
    echo "# links"; ip -o link | sed 's/^[0-9]*: //'
    echo "# rules"; iptables-save | grep -v '^#' | sed 's/ \\[[0-9:]*\\]//' || true
    echo "# forwarding"; cat /proc/sys/net/ipv4/ip_forward
    echo "# mounts"; cut -d' ' -f5 /proc/self/mountinfo | grep -E "^/run|$ENVCTL_LAB|^/[^vt]" || true
    echo "# processes"; for status in /proc/[0-9]*/status; do awk '/^Name|^State/ { printf "%s ", $2 }' "$status"; echo; done |
      grep -v ' Z' | grep -vE '^(bash|awk|grep|sort) ' || true
    echo "# folders"; ls -d /var/tmp/envctl-lab-"$ENVCTL_LAB"* /run/envctl* /sys/fs/cgroup/*/envctl-lab."$ENVCTL_LAB" 2>/dev/null || true
  } >"$1" 2>/dev/null
}
lab() { "$NODE" --import tsx "$CLI" "$@"; }
snapshot "$RECORDS/before"
`;

async function onMachine(name: string, local: "own" | "existing", story: string): Promise<string> {
  const env = {
    ENVCTL_LAB: name,
    ENVCTL_LAB_LOCAL: local,
    DOCKER_HOST: "",
    NODE: process.execPath,
    CLI: join(import.meta.dirname, "cli.ts"),
  };
  const whole = `RECORDS=$(mktemp -d); trap 'rm -rf "$RECORDS"' EXIT; ${snapshot} ${story}`;
  const [command = "", ...args] = [...machine, whole];
  const { all } = await execa(command, args, { env, all: true });
  return all;
}

describeLab("after the lab is taken down", () => {
  it("nothing of it is left", async () => {
    const said = await onMachine(
      `trace-a${process.pid % 1000}`,
      "own",
      `lab up
       docker -H "unix:///var/tmp/envctl-lab-$ENVCTL_LAB/local/docker.sock" network create inner
       docker -H "unix:///var/tmp/envctl-lab-$ENVCTL_LAB/local/docker.sock" run -d --network inner -p 8080:80 busybox sleep 600
       lab ssh prod1 docker run -d --name page -p 80:80 busybox httpd -f
       snapshot "$RECORDS/during"
       ! diff "$RECORDS/before" "$RECORDS/during" >/dev/null
       lab down
       snapshot "$RECORDS/after"
       diff "$RECORDS/before" "$RECORDS/after"
       lab down
       echo nothing is left`,
    );
    expect(said).toContain("nothing is left");
  });

  it.each([0.3, 0.6, 0.9, 1.2])("nothing is left of a start that was killed after %d s either", async (seconds) => {
    const said = await onMachine(
      `trace-b${process.pid % 1000}`,
      "own",
      `timeout -s KILL ${seconds} "$NODE" --import tsx "$CLI" up || true
       lab up
       lab ssh test1 docker run --rm busybox echo "the lab works"
       lab down
       snapshot "$RECORDS/after"
       diff "$RECORDS/before" "$RECORDS/after"
       echo nothing is left`,
    );
    expect(said).toContain("the lab works");
    expect(said).toContain("nothing is left");
  });

  it("an engine that ran before runs on, with its rules and containers", async () => {
    const said = await onMachine(
      `trace-c${process.pid % 1000}`,
      "existing",
      `D=$(mktemp -d)
       trap 'kill "$ENGINE" && wait "$ENGINE" || true; umount "$D/data" || true; rm -rf "$D" "$RECORDS"' EXIT
       dockerd --data-root "$D/data" --exec-root /run/docker --bip 10.211.55.1/24 --cgroup-parent "/$ENVCTL_LAB" >"$D/log" 2>&1 &
       ENGINE=$!
       for _ in $(seq 100); do docker ps >/dev/null 2>&1 && break; sleep 0.1; done
       docker create --name mine "$(tar -cf - -T /dev/null | docker import -)" /x
       snapshot "$RECORDS/before"
       grep ":FORWARD DROP" "$RECORDS/before"
       lab up
       lab ssh test1 docker run -d -p 80:80 busybox httpd -f -h /etc
       lab ssh prod1 docker run --rm busybox wget -qO- http://10.77.0.11/group
       lab down
       snapshot "$RECORDS/after"
       diff "$RECORDS/before" "$RECORDS/after"
       docker ps -a --format "{{.Names}} was not touched"`,
    );
    expect(said).toContain("unix:///var/run/docker.sock (was here before)");
    expect(said).toContain("nogroup");
    expect(said).toContain("mine was not touched");
  });
});
