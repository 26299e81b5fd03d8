// What the page changes in the vocabulary: always with the version it has read.
import { call } from "../api.js";

const path = (id) => `/v1/vocabulary/tags/${encodeURIComponent(id)}`;
const version = (revision) => ({ "If-Match": `"${revision}"` });

export async function createTag(tag) {
  const { data } = await call("POST", "/v1/vocabulary/tags", { json: tag });
  return data.tags[0];
}

export async function saveTag(base, changes) {
  const { data } = await call("PATCH", path(base.id), {
    json: changes,
    headers: version(base.revision),
  });
  return data.tags[0];
}

// Returns the revision of the vocabulary after it.
export async function deleteTag(base) {
  const { data } = await call("DELETE", path(base.id), { headers: version(base.revision) });
  return data.vocabulary_revision;
}

// Back to what was before that revision, if nobody has changed anything since.
export const undo = (revision) => rollBack(revision - 1, revision);

export async function rollBack(revision, head) {
  const { data } = await call("POST", "/v1/vocabulary/rollback", {
    json: { revision },
    headers: version(head),
  });
  return data;
}

export async function addExamples(base, files) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  const { data } = await call("POST", `${path(base.id)}/examples`, { body: form, headers: version(base.revision) });
  return data.tags[0];
}

export async function removeExample(base, id) {
  const { data } = await call("DELETE", `${path(base.id)}/examples/${encodeURIComponent(id)}`, {
    headers: version(base.revision),
  });
  return data.tags[0];
}
