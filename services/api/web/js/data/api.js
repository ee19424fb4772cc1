/** Requests to the API that served this page. */

/** An error answer with its problem document. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 without an answer
   * @param {{title?: string, detail?: string, hint?: string, suggestions?: object[]}} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? "No answer.");
    this.status = status;
    this.problem = problem;
  }
}

/**
 * @param {string} path below the page's own address
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
async function ask(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { title: "The server does not answer.", hint: "Is it running? Try again in a moment." });
  }
  if (response.ok) return response;
  throw new ApiError(response.status, await response.json().catch(() => ({ title: response.statusText })));
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export const get = async (path, signal) => (await ask(path, { signal })).json();

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<ArrayBuffer>}
 */
export const getBytes = async (path, signal) => (await ask(path, { signal })).arrayBuffer();

/**
 * @param {string} path
 * @param {object} body
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function post(path, body, headers = {}) {
  const options = { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
  return (await ask(path, options)).json();
}

/** The facts the page needs first; fetched again when an answer is degraded. */
export const pageFacts = () => get("api/page");
