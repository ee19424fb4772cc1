/** The candidate sources of a recommendation, by the field names of the API, which are older than the terms in the code. */

export const SOURCES = {
  collaborative: { name: "Similar readers", reason: "readers with similar taste like it" },
  content: { name: "Similar description", reason: "its description is similar" },
  companions: { name: "Read next", reason: "readers of the same books read it next" },
  kin: { name: "Same series or author", reason: "it has the same series or author" },
  trend: { name: "Trending", reason: "many readers like it now" },
};
