import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { describeLab } from "./describe-lab.ts";

/**
 * A machine within the machine, with network, mounts and processes of its own: nobody else's doings disturb the
 * comparison, and should the lab leave something behind, it goes with this shell.
 */
const machine = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "bash", "-euc"];
const snapshot = `
if mountpoint -q /run/netns; then umount --recursive /run/netns; fi
mount -t tmpfs tmpfs /run
ip link set lo up
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

async function onMachine(name: string, story: string): Promise<string> {
  const env = {
    ENVCTL_LAB: name,
    ENVCTL_LAB_LOCAL: "own",
    NODE: process.execPath,
    CLI: join(import.meta.dirname, "cli.ts"),
  };
  const whole = `RECORDS=$(mktemp -d); trap 'rm -rf "$RECORDS"' EXIT; ${snapshot} ${story}`;
  const { all } = await execa("unshare", [...machine, whole], { env, all: true });
  return all;
}

describeLab("after the lab is taken down", () => {
  it("nothing of it is left", async () => {
    const said = await onMachine(
      `trace-a${process.pid % 1000}`,
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
});
