/** What Parley's API takes and answers; the names are the API's own. */

export type Role = "user" | "assistant" | "system" | "developer" | "tool";
export type SpokenRole = Role | "ai" | "bot" | "human" | "function";
export type JsonObject = { [name: string]: unknown };
export type Part = { type: string; [name: string]: unknown };
export type Content = string | Part[];

export interface ParleyOptions {
  /** Where Parley is, such as `https://parley.example`; the empty string is the page's own origin. */
  baseUrl?: string;
  /** Whose sessions these are; left out where App Service Authentication says it. */
  userId?: string;
  /** Never in a web page: there it is public. */
  functionKey?: string;
  /** What sends requests instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** How often a request is sent again at most; 4 unless told otherwise. */
  maxRetries?: number;
}

export interface Options {
  signal?: AbortSignal;
}
export interface Guarded extends Options {
  /** Only if the session still has this etag; else a ParleyError with status 412. */
  ifMatch?: string | null;
}
export interface Keyed extends Options {
  idempotencyKey?: string;
}
export interface Joining extends Options {
  /** The id of the last event seen. */
  lastEventId?: string;
}

export interface Session {
  id: string;
  user_id: string;
  session_name: string | null;
  channel: string;
  context: JsonObject;
  tags: string[];
  pinned: boolean;
  status: "active" | "archived";
  is_active: boolean;
  message_count: number;
  created_at: string;
  updated_at: string;
  last_message_at: string | null;
  last_activity_at: string;
  archived_at: string | null;
  ttl_seconds: number;
  expires_at: string | null;
}
export interface SessionWithMessages extends Session {
  messages: Message[];
  has_more: boolean;
  next_cursor: string | null;
}
export interface SessionFields {
  id?: string;
  session_name?: string | null;
  channel?: string;
  context?: JsonObject;
  tags?: string[];
  pinned?: boolean;
  ttl_seconds?: number;
}
export interface SessionChanges {
  session_name?: string | null;
  context?: JsonObject;
  tags?: string[];
  pinned?: boolean;
  ttl_seconds?: number;
  is_active?: boolean;
}
export interface SessionFilter {
  status?: "active" | "archived" | "all";
  channel?: string;
  tag?: string | string[];
  pinned?: boolean;
  /** A part of the name. */
  name?: string;
  limit?: number;
}
export interface SessionStats {
  message_count: number;
  by_role: { [role in Role]: number };
  first_message_at: string | null;
  last_message_at: string | null;
  duration_seconds: number;
  is_active: boolean;
  usage?: RepliesUsage;
}

export interface Feedback {
  rating: "up" | "down";
  comment?: string | null;
}
export interface Message {
  id: string;
  seq: number;
  role: Role;
  message_type: Role;
  content: Content;
  created_at: string;
  user_id: string;
  name: string | null;
  persona: string | null;
  audio_files: (string | JsonObject)[];
  transcription_confidence: number | null;
  function_calls: (string | JsonObject)[];
  tool_call_id: string | null;
  metadata: JsonObject;
  feedback: Feedback | null;
  raw: string | null;
  edited_at: string | null;
}
/** A message in the place of another one. */
export interface MessageFields {
  role?: SpokenRole;
  message_type?: SpokenRole;
  content?: Content | null;
  name?: string | null;
  persona?: string | null;
  audio_files?: (string | JsonObject)[];
  transcription_confidence?: number | null;
  function_calls?: (string | JsonObject)[];
  tool_call_id?: string | null;
  metadata?: JsonObject;
  /** A text that is kept beside the message as it is, at most 512 KiB. */
  raw?: string | null;
}
/** A message to append; without an `id` it gets one. */
export interface MessageInput extends MessageFields {
  id?: string;
}
export interface MessageChanges {
  metadata?: JsonObject;
  feedback?: Feedback;
}
export interface MessageQuery {
  order?: "asc" | "desc";
  before?: number;
  after?: number;
  role?: Role;
  limit?: number;
}
export interface Appended {
  session_id: string;
  messages: Message[];
  message_count: number;
}
export interface AnywhereFields {
  session_id?: string;
  channel?: string;
  session_name?: string | null;
  messages?: MessageInput[];
}
export interface OpenAIMessage {
  role: string;
  content: Content | null;
  name?: string;
  tool_calls?: JsonObject[];
  tool_call_id?: string;
}

export interface List<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}
export interface Hit {
  session_id: string;
  session_name: string | null;
  message: Message;
  snippet: { text: string; hit: boolean }[];
}
export interface SearchFilter {
  channel?: string;
  role?: Role;
  session_id?: string;
  limit?: number;
}
export interface Link {
  share_id: string;
  up_to_seq: number;
  created_at: string;
  expires_at: string | null;
}
export interface NewLink extends Link {
  /** A path below Parley's address; shown once. */
  url: string;
}
export interface SharedSession {
  session_name: string | null;
  messages: { role: Role; content: Content; created_at: string }[];
  has_more: boolean;
  next_cursor: string | null;
}
export interface OwnerStats {
  sessions: { active: number; archived: number };
  by_channel: { [channel: string]: number };
  messages: number;
  by_role: { [role in Role]: number };
  feedback: { up: number; down: number };
  stored_bytes: number;
  per_day: { date: string; messages: number }[];
  usage?: RepliesUsage;
}
export interface Erased {
  sessions: number;
  messages: number;
}
export interface Health {
  status: string;
  store: string;
  latency_ms: number;
  version?: string;
}

/** Null where the model did not say. */
export interface Usage {
  input_tokens: number | null;
  output_tokens: number | null;
}
/** What all replies took. */
export interface RepliesUsage {
  replies: number;
  input_tokens: number;
  output_tokens: number;
}
/** What a turn asks of the model; what a deployment does not allow is refused with 403. */
export interface TurnOptions {
  model?: string;
  instructions?: string;
  tools?: JsonObject[];
  tool_choice?: string | JsonObject;
  max_output_tokens?: number;
  temperature?: number;
  response_format?: JsonObject;
}
/** What is said: one message, several, or nothing, to have what is there answered. */
export type TurnBody = TurnOptions & (MessageInput | { messages?: MessageInput[] });
export type NewTurnBody = TurnBody & { session_id?: string; channel?: string; session_name?: string | null };
export interface TurnResult {
  session_id: string;
  messages: Message[];
  reply: Message;
  message_count: number;
  usage: Usage;
}
export interface TurnState {
  state: "running" | "done" | "none";
  reply: Message | null;
}
export type TurnEvent =
  | { type: "turn"; id: string; data: { messages: Message[]; reply_id: string; how: "started" | "joined" | "found"; offset: number } }
  | { type: "delta"; id: string; data: { text: string } }
  | { type: "tool_calls"; id: string; data: { function_calls: (string | JsonObject)[] } }
  | { type: "done"; id: string; data: TurnResult }
  | { type: "error"; id: string; data: Problem };

export interface FieldError {
  loc: (string | number)[];
  msg: string;
  type: string;
}
/** A problem document (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: FieldError[];
  [fact: string]: unknown;
}
