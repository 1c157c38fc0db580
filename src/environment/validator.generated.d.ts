/** One finding of the generated validator (ajv's error object). */
export interface SchemaError {
  readonly keyword: string;
  /** JSON pointer into the document. */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  readonly schema?: unknown;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  /** Of `propertyNames`: the key that is wrong. */
  readonly propertyName?: string;
}

declare const validate: {
  (document: unknown): boolean;
  errors?: SchemaError[] | null;
};
export default validate;
