/** `10.0.0.2:8080` as `/proc/net/tcp` has it, and as `/proc/net/tcp6` has it of sockets that speak both. */
export function kernelAddresses(address: string, port: number): string[] {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4) return [];
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0");
  // The kernel prints the four bytes as one number of this machine: on all that Docker runs on, the lowest first.
  const four = [...parts]
    .reverse()
    .map((part) => hex(part, 2))
    .join("");
  const end = `:${hex(port, 4)}`;
  return [`${four}${end}`, `0000000000000000FFFF0000${four}${end}`];
}
