"use strict";
// One sequence at a time, its video beside its timeline, and corrections that are saved as a file.
(() => {
  const HEADER = ["action", "a", "b", "frame", "note"];
  const sections = [...document.querySelectorAll(".sequence")];
  const choose = document.getElementById("choose");
  const tray = document.querySelector(".tray");
  const rowsOf = sections.map(readGivenRows); // the corrections of each sequence, by what they are about
  const savedText = sections.map((_, number) => toTsv(number));
  let current = 0;

  // -- which sequence is shown
  function show(number) {
    current = number;
    sections.forEach((section, other) => section.classList.toggle("current", other === number));
    document.querySelectorAll("nav .links").forEach((links, other) => links.classList.toggle("current", other === number));
    choose.value = String(number);
    sections.forEach((section, other) => { if (other !== number) section.querySelector("video").pause(); });
    loadVideo(sections[number]);
    refresh();
  }

  function followAddress() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const section = target && target.closest(".sequence");
    if (!section) return;
    show(Number(section.dataset.number));
    target.scrollIntoView();
  }

  // -- the video and the timeline
  function loadVideo(section) {
    const video = section.querySelector("video");
    if (video.src) return;
    const text = atob(section.querySelector(".mp4").textContent);
    const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
    video.preload = "auto";
    video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  }

  function framesOf(video) {
    const step = Number(video.dataset.step);
    return JSON.parse(video.dataset.pieces).flatMap(([first, last]) => {
      const frames = [];
      for (let frame = first; frame <= last; frame += step) frames.push(frame);
      return frames;
    });
  }

  function connect(section) {
    const video = section.querySelector("video"), timeline = section.querySelector(".timeline");
    const frames = framesOf(video), fps = Number(video.dataset.fps);
    video.frameNow = () => frames[Math.max(0, Math.min(frames.length - 1, Math.floor(video.currentTime * fps + 1e-3)))];
    const tell = () => {
      section.querySelector(".at-frame").value = `Frame ${video.frameNow().toLocaleString("en")}.`;
      if (!timeline) return;
      const playhead = timeline.querySelector(".playhead");
      playhead.hidden = false;
      playhead.style.setProperty("--at", (video.frameNow() + 0.5 - Number(timeline.dataset.first)) / Number(timeline.dataset.n));
    };
    const follow = () => { tell(); if (!video.paused) requestAnimationFrame(follow); };
    video.addEventListener("play", follow);
    video.addEventListener("seeked", tell);
    video.addEventListener("pause", tell);
    if (timeline) timeline.addEventListener("click", event => {
      if (event.target.closest("a")) return;
      const plot = timeline.querySelector(".plot").getBoundingClientRect();
      const share = (event.clientX - plot.left) / plot.width;
      if (share < 0 || share > 1) return;
      const wanted = Number(timeline.dataset.first) + share * Number(timeline.dataset.n);
      const place = frames.reduce((best, frame, i) => Math.abs(frame + 0.5 - wanted) < Math.abs(frames[best] + 0.5 - wanted) ? i : best, 0);
      video.currentTime = (place + 0.5) / fps;
    });
  }

  // -- corrections
  function readGivenRows(section) {
    const rows = new Map();
    for (const given of JSON.parse(section.querySelector(".given").textContent)) rows.set(keyOf(given), given);
    return rows;
  }

  function keyOf(row) {
    // Two are either the same person or not: the later word holds.
    if (row.action.endsWith("_link")) return ["link", ...[row.a, row.b].sort()].join(" ");
    return [row.action, row.a, row.frame].join(" ");
  }

  function toggle(rows, row) {
    const key = keyOf(row), before = rows.get(key);
    if (before && before.action === row.action) rows.delete(key);
    else rows.set(key, { ...row, note: before ? before.note : "" });
  }

  const row = (action, a, b = "", frame = "") => ({ action, a, b, frame, note: "" });
  const isSet = (rows, wanted) => { const found = rows.get(keyOf(wanted)); return Boolean(found) && found.action === wanted.action; };
  const rowOf = button => row(button.dataset.action, button.dataset.a, button.dataset.b);

  function toggleTrack(rows, button) {
    const drops = button.dataset.dropAll.split(" ").map(a => row("drop", a));
    const all = drops.every(drop => isSet(rows, drop));
    for (const drop of drops) if (isSet(rows, drop) === all) toggle(rows, drop);
  }

  function toTsv(number) {
    const clean = text => String(text).replace(/\s+/g, " ").trim();
    const lines = [...rowsOf[number].values()].map(found => HEADER.map(name => clean(found[name] ?? "")).join("\t"));
    const digest = `# tracklets: ${sections[number].dataset.digest}`; // of which the numbers are
    return [digest, HEADER.join("\t"), ...lines].join("\n") + "\n";
  }

  function save(number) {
    const link = document.createElement("a");
    const text = toTsv(number);
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = "corrections.tsv";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    savedText[number] = text;
    refresh();
  }

  const isChanged = number => toTsv(number) !== savedText[number];

  function refresh() {
    const section = sections[current], rows = rowsOf[current];
    for (const button of section.querySelectorAll("button[data-action]")) button.setAttribute("aria-pressed", isSet(rows, rowOf(button)));
    for (const button of section.querySelectorAll("[data-drop-all]")) {
      button.setAttribute("aria-pressed", button.dataset.dropAll.split(" ").every(a => isSet(rows, row("drop", a))));
    }
    section.querySelector(".save").disabled = !rows.size && !isChanged(current);
    section.querySelector(".rows tbody").replaceChildren(...[...rows].map(([key, found]) => tableRow(rows, key, found)));
    tray.hidden = !isChanged(current);
    tray.querySelector(".tray-n").textContent = `${rows.size} correction${rows.size === 1 ? "" : "s"}`;
    tray.querySelector(".tray-name").textContent = section.dataset.name;
    tray.querySelector(".tray-list").href = `#s${current}-corrections`;
  }

  function tableRow(rows, key, found) {
    const line = document.createElement("tr");
    for (const name of ["action", "a", "b", "frame"]) line.insertCell().textContent = found[name] ?? "";
    const note = document.createElement("input");
    note.value = found.note ?? "";
    note.setAttribute("aria-label", `Note on ${found.action} ${found.a} ${found.b ?? ""}`.trim());
    note.addEventListener("change", () => { found.note = note.value; refresh(); });
    line.insertCell().append(note);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => { rows.delete(key); refresh(); });
    line.insertCell().append(remove);
    return line;
  }

  function connectForm(section, number) {
    const form = section.querySelector(".add"), fields = form.elements;
    const adapt = () => {
      for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(fields.action.value);
      fields.b.required = fields.action.value.endsWith("_link");
      fields.frame.required = fields.action.value === "split";
    };
    fields.action.addEventListener("change", adapt);
    adapt();
    form.querySelector(".take-frame").addEventListener("click", () => { fields.frame.value = section.querySelector("video").frameNow(); });
    form.addEventListener("submit", event => {
      event.preventDefault();
      const added = row(fields.action.value, fields.a.value, fields.b.required ? fields.b.value : "", fields.frame.required ? fields.frame.value : "");
      if (!isSet(rowsOf[number], added)) toggle(rowsOf[number], added);
      form.reset();
      adapt();
      refresh();
    });
  }

  // -- begin
  if (!sections.length) return;
  document.body.classList.add("scripted");
  choose.hidden = false;
  sections.forEach((section, number) => {
    connect(section);
    connectForm(section, number);
    section.querySelector(".save").addEventListener("click", () => save(number));
  });
  document.addEventListener("click", event => {
    const button = event.target.closest("button[data-action], button[data-drop-all]");
    if (!button) return;
    if (button.dataset.dropAll !== undefined) toggleTrack(rowsOf[current], button);
    else toggle(rowsOf[current], rowOf(button));
    refresh();
  });
  choose.addEventListener("change", () => { location.hash = `s${choose.value}`; });
  tray.querySelector(".tray-save").addEventListener("click", () => save(current));
  addEventListener("hashchange", followAddress);
  addEventListener("beforeunload", event => { if (sections.some((_, number) => isChanged(number))) event.preventDefault(); });
  show(0);
  followAddress();
})();
