import { StringDecoder } from "node:string_decoder";

/** Reads a stream of JSON objects, one a line, however the chunks cut them. */
export async function* jsonLines<Message>(stream: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  for await (const line of textLines(stream)) {
    if (line.trim() !== "") yield JSON.parse(line) as Message;
  }
}

/** Reads lines of UTF-8 without their ends; characters cut by a chunk's end stay whole. */
export async function* textLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  rest += decoder.end();
  if (rest !== "") yield rest;
}
