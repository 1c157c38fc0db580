import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { isObject, parseJson } from "../base/json.ts";
import { digestsOf } from "./attestations.ts";
import { parseRecord, type StageRecord } from "./record.ts";

const statementKind = "https://in-toto.io/Statement/v1";
const predicateType = "urn:envctl:stage-record:v1";

/** Where a record stands in its stage's history: part of what is signed, so that none can be moved or left out. */
export interface Link {
  readonly sequence: number;
  /** Digest of the manifest of the record before. */
  readonly previous: Digest | undefined;
}

/**
 * A record as an in-toto statement (spec v1): about the release's image, or, for `down`, which has none, about the record
 * that it ends.
 */
export function statementOf(record: StageRecord, link: Link): object {
  const about = record.release?.digest ?? link.previous ?? digestOf(`${record.environment}/${record.stage}`);
  const name = record.release
    ? `${record.environment}:${record.release.name}`
    : `${record.environment}/${record.stage}`;
  return {
    _type: statementKind,
    subject: [{ name, digest: { sha256: about.slice("sha256:".length) } }],
    predicateType,
    predicate: { ...record, sequence: link.sequence, ...(link.previous ? { previous: link.previous } : {}) },
  };
}

export interface ReadStatement extends Link {
  readonly record: StageRecord;
  /** Digests that the statement is about. */
  readonly subjects: readonly string[];
}

/** Reads a statement from the registry: foreign data until proven otherwise. Undefined if it is no record's. */
export function parseStatement(text: string): ReadStatement | undefined {
  const value = parseJson(text);
  if (!isObject(value) || value._type !== statementKind || value.predicateType !== predicateType) return undefined;
  const { predicate, subject } = value;
  const record = parseRecord(predicate);
  if (!record || !isObject(predicate) || !Array.isArray(subject)) return undefined;
  const { sequence, previous } = predicate;
  if (typeof sequence !== "number" || !Number.isSafeInteger(sequence) || sequence < 1) return undefined;
  if (previous !== undefined && (typeof previous !== "string" || !isDigest(previous))) return undefined;
  return { record, sequence, previous, subjects: digestsOf(subject) };
}
