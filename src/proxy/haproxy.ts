import { readHaproxyAccess } from "./haproxy-access.ts";
import { haproxyConfiguration } from "./haproxy-configuration.ts";
import { haproxyRefuses, haproxyRefusesTogether } from "./haproxy-refusal.ts";
import { type ProxyDriver, proxyFolder, revisionPort } from "./proxy.ts";

const file = `${proxyFolder}/haproxy.cfg`;
const nextFile = `${proxyFolder}/next.cfg`;
const oldFile = `${proxyFolder}/old.cfg`;

/**
 * The master reads its file again at SIGUSR2, and hands its sockets to a new worker; the old one finishes what it has.
 * It tells nobody whether that went well: so the new one is asked, by the one client that an image has (bash in
 * Debian's, wget in Alpine's). The old file comes back where the new one's worker does not.
 */
const activate = `haproxy -c -f ${nextFile} >/dev/null || return 1
revision=$(sed -n '1s/^# revision //p' ${nextFile})
ask() {
  if command -v bash >/dev/null; then
    timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${revisionPort} && printf "GET /revision HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3'
  else
    timeout 2 wget -S -O - http://127.0.0.1:${revisionPort}/revision 2>&1
  fi
}
cp ${file} ${oldFile} && mv -f ${nextFile} ${file} && kill -USR2 1 || return 1
tries=0
until ask 2>/dev/null | grep -qiF "etag: \\"$revision\\""; do
  tries=$((tries + 1))
  if [ $tries -gt 150 ]; then
    mv -f ${oldFile} ${file}
    kill -USR2 1
    echo "HAProxy did not start a worker with the new configuration; its log says why" >&2
    return 1
  fi
  sleep 0.05
done
rm -f ${oldFile}`;

/** HAProxy 2.6 and later, for connections that live long: a switch ends none of them before the drain does. */
export const haproxy: ProxyDriver = {
  name: "haproxy",
  image: "haproxy:2.8",
  file,
  nextFile,
  command: ["haproxy", "-W", "-db", "-f", file],
  volumes: {},
  activation: { prepare: ":", activate, conclude: ":" },
  turns: false,
  refuses: haproxyRefuses,
  refusesTogether: haproxyRefusesTogether,
  render: haproxyConfiguration,
  readAccess: readHaproxyAccess,
};
