/** Operations: served generation, last run, history with rollback, latency and Redis. */

import { get } from "../data/api.js";
import { el } from "../dom.js";
import { rollbackDialog } from "../parts/rollback.js";
import { ago, count, counted, duration, moment } from "../words.js";

const SYSTEMS = { served: "Served recommendations", collaborative: "Similar readers only", content: "Descriptions only", item_transitions: "Read next only", popularity: "Popular books" };
const METRICS = { ndcg_at_10: "NDCG@10", recall_at_10: "Recall@10", hit_rate_at_10: "Hit rate@10", reciprocal_rank_at_10: "MRR@10" };
const VERDICTS = { pass: "Passed the gate", "no-comparison": "Nothing to compare with", worse: "Worse, published anyway", off: "Gate switched off" };
const STATUSES = { done: "done", failed: "failed", running: "not finished" };

/** @param {import("../app.js").Visit} visit @returns {Promise<HTMLElement>} */
export async function operations({ signal }) {
  const told = await get("api/operations", signal);
  const refresh = el("button.button", { type: "button", onclick: () => dispatchEvent(new Event("hashchange")) }, "Refresh");
  return el(
    "div.view.view-operations",
    {},
    el("section.hero.hero-small", {}, el("h1", { tabindex: "-1" }, "Operations"),
      el("p.lead", {}, told.served ? `Generation ${shortId(told.served.id)}, made ${ago(told.served.created_at)}.` : "Nothing is served yet."), refresh),
    told.served && serving(told.served, told.report),
    lastRun(told.last_run),
    told.history.length > 0 && history(told),
    el("div.two", {}, latency(told.latency), redis(told.redis)),
  );
}

/** @param {string} id */
const shortId = (id) => id.split("-").at(-1) ?? id;

/** @param {any} served @param {boolean} report */
function serving(served, report) {
  const counts = Object.entries(served.counts).map(([name, n]) => fact(name.replaceAll("_", " "), count(n)));
  return el(
    "section.panel",
    { "aria-labelledby": "now", "data-panel": "served" },
    el("h2", { id: "now" }, "Served now"),
    el("dl.facts", {}, fact("made", `${moment(served.created_at)} (${ago(served.created_at)})`), served.night && fact("for the night", served.night),
      fact("source", [served.source, served.simulated_readers && [" ", el("span.tag", {}, "simulated readers")]].flat()), ...counts),
    verdict(served.gate),
    measures(served.metrics),
    el("p", {}, report ? el("a", { href: "report" }, "Quality report of this generation") : el("span.quiet", {}, "No quality report of this generation.")),
  );
}

/** @param {string} name @param {import("../dom.js").Child | import("../dom.js").Child[]} value */
const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

/** A difference that rounds to nothing has no sign. @param {string} reason */
const withoutMinusZero = (reason) => reason.replace(/[-+](0\.0+)(?!\d)/g, "$1");

/** @param {any} gate */
function verdict(gate) {
  if (!gate) return el("p.verdict", {}, "Not checked by the quality gate.");
  return el("p.verdict", { "data-verdict": gate.verdict }, el("strong", {}, VERDICTS[gate.verdict] ?? gate.verdict), ` ${withoutMinusZero(gate.reason)}`,
    gate.accepted_because && ` Accepted because: ${gate.accepted_because}`);
}

/** Figures of each recommender, the served one first, with intervals. @param {Record<string, Record<string, {value: number, low: number, high: number}>>} systems */
function measures(systems) {
  const rows = Object.entries(systems).filter(([, figures]) => Object.keys(figures).length);
  if (!rows.length) return el("p.quiet", {}, "No figures: no user could be evaluated.");
  const shown = Object.keys(METRICS).filter((metric) => rows.some(([, figures]) => metric in figures));
  const most = Math.max(...rows.map(([, figures]) => figures.ndcg_at_10?.high ?? 0), 1e-9);
  return scrolling("Quality on the night’s own data", el(
    "table",
    {},
    el("caption", {}, "Predicting the held-out interactions of that night, with 95 % intervals"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Recommender"), shown.map((metric) => el("th", { scope: "col" }, METRICS[metric])), el("td.interval-cell", { "aria-hidden": "true" }, "NDCG@10, 95 % interval"))),
    el("tbody", {}, rows.map(([system, figures]) => el("tr", {}, el("th", { scope: "row" }, SYSTEMS[system] ?? system),
      shown.map((metric) => el("td.figure", {}, figures[metric]?.value.toFixed(3) ?? "–")), el("td.interval-cell", {}, interval(figures.ndcg_at_10, most))))),
  ));
}

/** @param {{value: number, low: number, high: number} | undefined} figure @param {number} most */
function interval(figure, most) {
  if (!figure) return null;
  const share = (value) => `${(100 * Math.max(0, value)) / most}%`;
  return el("span.interval", { "aria-hidden": "true" },
    el("span.interval-range", { style: { left: share(figure.low), width: share(figure.high - figure.low) } }),
    el("span.interval-value", { style: { left: share(figure.value) } }));
}

/** A table that scrolls sideways on narrow screens. @param {string} name @param {HTMLElement} table */
const scrolling = (name, table) => el("div.scrolling", { tabindex: "0", role: "region", "aria-label": name }, table);

/** @param {any[]} steps */
function lastRun(steps) {
  if (!steps.length) return el("section.panel", { "data-panel": "run" }, el("h2", {}, "The last run"), el("p.quiet", {}, "No run has been recorded yet."));
  const longest = Math.max(...steps.map((step) => step.seconds ?? 0), 0.001);
  return el(
    "section.panel",
    { "aria-labelledby": "run", "data-panel": "run" },
    el("h2", { id: "run" }, "The last run"),
    el("p.section-note", {}, `${steps[0].run}, started ${ago(steps[0].began_at)}.`),
    el("ol.steps", {}, steps.map((step) => el("li.step", { "data-step": step.step, "data-status": step.status },
      el("span.step-name", {}, step.step),
      el("span.step-status", {}, STATUSES[step.status]),
      el("span.bar", { "aria-hidden": "true" }, el("span.bar-fill", { style: { width: `${Math.max(0.5, (100 * (step.seconds ?? 0)) / longest)}%` } })),
      el("span.step-seconds", {}, duration(step.seconds)),
      el("span.step-facts", {}, step.error ?? told(step.facts))))),
  );
}

/** @param {Record<string, string | number | boolean | null>} facts */
function told(facts) {
  const parts = Object.entries(facts).filter(([, value]) => value !== null);
  return parts.map(([name, value]) => (typeof value === "number" ? `${count(value)} ${name}` : name === "reason" ? value : `${name} ${value}`)).join(", ");
}

/** @param {any} all */
function history(all) {
  const rows = all.history.map((one) => el(
    "tr",
    { "data-generation": one.id },
    el("th", { scope: "row" }, el("code", { title: one.id }, shortId(one.id)), one.served && [" ", el("span.tag.tag-lit", {}, "served")]),
    el("td", {}, moment(one.created_at)),
    el("td.figure", {}, one.metrics.served?.ndcg_at_10?.value.toFixed(3) ?? "–"),
    el("td", {}, one.gate ? VERDICTS[one.gate.verdict] ?? one.gate.verdict : "–"),
    el("td.figure", {}, count(one.counts.books ?? 0)),
    all.rollback && el("td", {}, !one.served && all.served && el("button.quiet-button", { type: "button", "data-act": "rollback", onclick: () => rollbackDialog(all.served, one) }, `Roll back to ${shortId(one.id)}`)),
  ));
  return el("section.panel", { "aria-labelledby": "history", "data-panel": "history" }, el("h2", { id: "history" }, "History"),
    scrolling("Generations", el("table", {}, el("caption", {}, "Published generations, newest first"),
      el("thead", {}, el("tr", {}, ["Generation", "Made", "NDCG@10", "Gate", "Books"].map((name) => el("th", { scope: "col" }, name)), all.rollback && el("td", {}))),
      el("tbody", {}, rows))));
}

/** @param {any[]} routes */
function latency(routes) {
  const busy = routes.filter((route) => route.n_requests > 0).slice(0, 12);
  const figure = (value) => el("td.figure", {}, value === null ? "> 1 s" : value < 10 ? value.toFixed(1) : Math.round(value));
  return el("section.panel", { "aria-labelledby": "latency", "data-panel": "latency" }, el("h2", { id: "latency" }, "Latency"),
    scrolling("Latency by route", el("table", {}, el("caption", {}, "Milliseconds, since the server started"),
      el("thead", {}, el("tr", {}, ["Route", "Requests", "p50", "p95", "p99"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, busy.map((route) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, route.route.replaceAll(":path", ""))), el("td.figure", {}, count(route.n_requests)),
        figure(route.p50_ms), figure(route.p95_ms), figure(route.p99_ms)))))));
}

/** @param {any} told */
function redis(told) {
  const up = told.state === "up";
  return el("section.panel", { "aria-labelledby": "redis", "data-panel": "redis", "data-state": told.state }, el("h2", { id: "redis" }, "Redis"),
    el("p.verdict", { "data-verdict": up ? "pass" : "worse" }, el("strong", {}, up ? "Up" : "Unavailable"), up ? "" : " Users get popular books."),
    up && el("dl.facts", {}, fact("round trip", `${told.round_trip_ms} ms`), told.version && fact("version", told.version),
      told.used_memory_bytes !== null && fact("memory", `${(told.used_memory_bytes / 2 ** 20).toFixed(1)} MiB`),
      told.eviction && fact("eviction", told.eviction === "noeviction" ? "noeviction, as required" : `${told.eviction}: must be noeviction`),
      told.waiting_events !== null && fact("waiting to be stored", counted(told.waiting_events, "event"))));
}
