// Every request the page makes, and how an error of the service arrives.
import { createStore } from "./store.js";

const KEY = "tuqian.key";

// Set while the service asks for a key that the page does not have.
export const keyWanted = createStore(false);

// Server-Timing of the latest tagging request: {stage: milliseconds}.
export const timing = createStore(null);

// RFC 9457, or what stands for one where the service could not be reached.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || String(status));
    this.status = status;
    this.code = body.code || "unknown";
    this.title = body.title || "";
    this.detail = body.detail || "";
    this.remedy = body.remedy || "";
    this.body = body;
  }

  // This service is older than the page, or has the part switched off.
  get missing() {
    return this.code === "not_found" || [405, 501].includes(this.status);
  }
}

export function accessKey() {
  return sessionStorage.getItem(KEY) || "";
}

export function useAccessKey(key) {
  sessionStorage.setItem(KEY, key);
  keyWanted.set(false);
}

export async function call(method, path, options = {}) {
  const response = await raw(method, path, options);
  const text = response.status === 204 ? "" : await response.text();
  return {
    data: text ? JSON.parse(text) : null,
    etag: response.headers.get("ETag"),
    headers: response.headers,
  };
}

// The response itself, for what is no JSON. Throws `Problem` unless it is a success.
export async function raw(method, path, { json, body, headers = {}, query = {}, signal } = {}) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, value);
  }
  const sent = { ...headers };
  if (accessKey()) sent.Authorization = `Bearer ${accessKey()}`;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, {
      method,
      headers: sent,
      body: json === undefined ? body : JSON.stringify(json),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "unreachable" });
  }
  if (response.ok) return response;
  if (response.status === 401) keyWanted.set(true);
  throw new Problem(response.status, await problemBody(response));
}

async function problemBody(response) {
  try {
    return { retryAfter: Number(response.headers.get("Retry-After")) || 1, ...(await response.json()) };
  } catch {
    return { title: response.statusText };
  }
}

export const get = async (path, query, signal) => (await call("GET", path, { query, signal })).data;
export const post = async (path, json, signal) => (await call("POST", path, { json, signal })).data;
export const remove = (path, headers) => call("DELETE", path, { headers });

export function readTiming(headers) {
  const found = {};
  for (const part of (headers.get("Server-Timing") || "").split(",")) {
    const [, stage, spent] = part.match(/^\s*([\w-]+);dur=([\d.]+)/) || [];
    if (stage) found[stage] = Number(spent);
  }
  if (Object.keys(found).length) timing.set(found);
}
