/* What a page of campaigns does by itself: a countdown by the server's clock, and progress as it happens.
   Everything is readable without it. A live stream keeps a thread of the server, so it is asked for only while a sale
   is open and somebody looks; refused or broken, the page asks now and then instead, each page at its own moments. */
"use strict";
(() => {
  const POLL_MS = 2500, SLOW_MS = 30000, STREAM_AGAIN_MS = 60000, WORST_MS = 60000, STREAM_BROKEN_MAX = 3, RELOAD_MIN_MS = 5000;
  const about = (ms) => ms * (0.75 + Math.random() / 2); // not all pages at the same moment
  const language = document.documentElement.lang;

  /* The server's clock. Each answer's Date says it to the second; together they say it ever more exactly. */
  const clock = { low: -Infinity, high: Infinity };
  const hear = (date, sentAt, heardAt) => {
    const second = Date.parse(date);
    if (Number.isNaN(second)) return;
    const low = second - heardAt, high = second + 1000 - sentAt;
    const agrees = low <= clock.high && high >= clock.low; // else the phone's clock was set anew
    clock.low = agrees ? Math.max(clock.low, low) : low;
    clock.high = agrees ? Math.min(clock.high, high) : high;
  };
  const isClockKnown = () => Number.isFinite(clock.low);
  const serverNow = () => Date.now() + (clock.low + clock.high) / 2;
  const ask = async (address, headers, method = "GET") => {
    const sentAt = Date.now();
    const answer = await fetch(address, { method, headers, cache: "no-store", credentials: "omit" });
    hear(answer.headers.get("Date"), sentAt, Date.now());
    return answer;
  };

  /* Countdowns. At the end the page is asked for anew: the server says what is open. */
  const countdowns = [...document.querySelectorAll(".countdown")];
  const two = (number) => String(number).padStart(2, "0");
  const loadedAt = Date.now();
  let isReloading = false;
  const reload = (withinMs) => {
    if (isReloading) return;
    isReloading = true;
    const wait = Math.max(0, RELOAD_MIN_MS - (Date.now() - loadedAt)) + Math.random() * withinMs;
    setTimeout(() => location.reload(), wait);
  };
  const tick = () => {
    let next = 1000; // until the first of them changes
    for (const each of countdowns) {
      const leftMs = Date.parse(each.dataset.until) - serverNow();
      const left = Math.ceil(leftMs / 1000);
      next = Math.min(next, ((leftMs % 1000) + 1000) % 1000 || 1000);
      const seconds = Math.max(0, left);
      const days = Math.floor(seconds / 86400);
      const rest = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
      each.querySelector("b").textContent = days ? `${days} ${each.dataset.day} ${rest}` : rest;
      each.hidden = false;
      if (left <= 0 && !document.hidden) reload(1500);
    }
    setTimeout(tick, next + 5);
  };

  /* Progress. */
  const main = document.querySelector("main[data-live]");
  const learn = async () => { // what time it is; asked at other parts of a second, it is known better each time
    let hasBegun = false;
    for (let tries = 0; tries < 4; tries += 1) {
      try { await ask(location.pathname + location.search, {}, "HEAD"); } catch { /* the next try may hear it */ }
      if (isClockKnown() && !hasBegun) { hasBegun = true; tick(); }
      await new Promise((wake) => setTimeout(wake, 300 + 137 * tries));
    }
  };
  if (!main) {
    if (countdowns.length) learn();
    return;
  }
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
  const one = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const boxes = (count) => (language === "zh-Hans" ? `${number.format(count)} 箱` : `${number.format(count)} ${count === 1 ? "box" : "boxes"}`);
  const weight = (grams) => (language === "zh-Hans"
    ? `${number.format(grams / 1000)} 公斤（${number.format(grams / 500)} 斤）` : `${number.format(grams / 1000)} kg`);
  const set = (selector, text) => { for (const each of main.querySelectorAll(selector)) each.textContent = text; };
  const how = main.querySelector("[data-how]");
  const say = (name) => { if (how) how.textContent = how.dataset[name]; };
  const bar = (unit, done, goal) => {
    const found = main.querySelector(`[data-bar="${unit}"]`);
    if (!found || !goal) return;
    found.value = Math.min(done, goal);
    set(`[data-percent="${unit}"]`, `${one.format((100 * done) / goal)} %`);
  };
  const reachedSteps = (bounds, sold) => bounds.filter((from) => from <= sold).length;
  let seenVersion = null;
  const soldBefore = new Map();
  const show = (told) => {
    if (told.state !== main.dataset.state) { reload(3000); return; }
    if (seenVersion !== null && told.version < seenVersion) return; // an older answer came late
    seenVersion = told.version;
    set("[data-boxes]", boxes(told.boxes_sold));
    set("[data-grams]", weight(told.grams_sold));
    bar("boxes", told.boxes_sold, told.goal_boxes);
    bar("grams", told.grams_sold, told.goal_grams);
    for (const item of told.items) {
      const section = main.querySelector(`[data-item="${item.item_id}"]`);
      if (!section) continue;
      const left = section.querySelector("[data-left]");
      if (left) left.textContent = boxes(item.boxes_left);
      const bounds = section.dataset.bounds.split(" ").filter(Boolean).map(Number);
      const steps = reachedSteps(bounds, item.boxes_sold);
      const before = soldBefore.get(item.item_id) ?? Number(section.dataset.reached);
      soldBefore.set(item.item_id, steps);
      if (steps !== before) reload(3000); // another price: the whole page says it
    }
  };

  const isOpen = main.dataset.state === "deposit_open";
  let stream = null, timer = null, etag = null, failures = 0, streamAgainAt = 0, turn = 0;
  const stop = () => {
    turn += 1;
    if (stream) stream.close();
    clearTimeout(timer);
    stream = timer = null;
  };
  const poll = async (thenMs) => {
    const mine = turn;
    let wait = thenMs ?? (isOpen ? POLL_MS : SLOW_MS);
    try {
      const answer = await ask(main.dataset.progress, etag ? { "If-None-Match": etag } : {});
      if (answer.status === 200) {
        etag = answer.headers.get("ETag");
        show(await answer.json());
      } else if (answer.status === 404) {
        reload(3000); // no longer public by the API: the page says why
      } else if (answer.status !== 304) {
        throw Number(answer.headers.get("Retry-After")) * 1000;
      }
      failures = 0;
      say("poll");
    } catch (problem) {
      failures += 1;
      wait = Math.max(Number(problem) || 0, Math.min(WORST_MS, POLL_MS * 2 ** failures));
      say("wait");
    }
    if (mine === turn && !document.hidden) timer = setTimeout(next, about(wait));
  };
  const giveUp = () => { // the stream is refused, for others watch already; or it breaks again and again
    stop();
    streamAgainAt = Date.now() + about(STREAM_AGAIN_MS);
    timer = setTimeout(next, about(POLL_MS));
  };
  const listen = () => {
    let broken = 0;
    stream = new EventSource(`${main.dataset.progress}/stream`);
    stream.onopen = () => { broken = 0; say("live"); };
    stream.addEventListener("progress", (event) => show(JSON.parse(event.data)));
    stream.onerror = () => { // after a minute it ends as it should, and the browser comes back
      broken += 1;
      if (stream && (stream.readyState === EventSource.CLOSED || broken > STREAM_BROKEN_MAX)) giveUp();
    };
  };
  const next = () => {
    if (document.hidden) return;
    if (isOpen && "EventSource" in window && Date.now() >= streamAgainAt) listen();
    else poll();
  };
  const start = () => { // first of all what is true now
    stop();
    return poll(isOpen ? 300 : null);
  };
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else start(); });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) start(); });
  start().finally(() => (countdowns.length ? learn() : null));
})();
