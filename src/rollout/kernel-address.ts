/** `10.0.0.2:8080` as `/proc/net/tcp` has it; undefined for what is no IPv4. */
export function kernelAddress(address: string, port: number): string | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4) return undefined;
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0");
  // The kernel prints the four bytes as one number of this machine: on all that Docker runs on, the lowest first.
  const four = [...parts]
    .reverse()
    .map((part) => hex(part, 2))
    .join("");
  return `${four}:${hex(port, 4)}`;
}
