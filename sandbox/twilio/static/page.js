// Keeps the page current without losing what somebody types, opened or has in focus.
"use strict";

let seen = document.body.dataset.changes;
const shown = {};

function say(text) {
  const line = document.getElementById("said");
  line.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { line.textContent = ""; }, 4000);
}

function swap(section, html) {
  const typed = {}, open = {}, scrolled = [];
  const focused = section.contains(document.activeElement) ? document.activeElement.id : "";
  const at = focused && document.activeElement.selectionStart;
  section.querySelectorAll("input").forEach((field) => { typed[field.id] = field.value; });
  section.querySelectorAll("details").forEach((part) => { open[part.id] = [part.dataset.status, part.open]; });
  section.querySelectorAll(".scroll, .messages").forEach((part) => scrolled.push(part.scrollTop));
  section.innerHTML = html;
  section.querySelectorAll("input").forEach((field) => { if (typed[field.id]) field.value = typed[field.id]; });
  section.querySelectorAll("details").forEach((part) => {
    const before = open[part.id];
    if (before && before[0] === part.dataset.status) part.open = before[1];
  });
  section.querySelectorAll(".scroll, .messages").forEach((part, i) => { part.scrollTop = scrolled[i] || 0; });
  const again = focused && document.getElementById(focused);
  if (again) {
    again.focus({ preventScroll: true });
    if (typeof at === "number" && again.setSelectionRange) again.setSelectionRange(at, at);
  }
}

async function look() {
  const answer = await fetch(`/sections?since=${seen}`);
  if (answer.status !== 200) return;
  const news = await answer.json();
  seen = news.changes;
  for (const [name, html] of Object.entries(news.sections)) {
    if (shown[name] === html) continue;
    shown[name] = html;
    swap(document.getElementById(name), html);
  }
}

async function keepLooking() {
  try {
    if (!document.hidden) await look();
  } catch {
    say("The twin does not answer. Looking again ...");
  }
  setTimeout(keepLooking, 1000);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.order) return;
  event.preventDefault();
  const answer = await fetch(`/twin/${form.dataset.order}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  const found = await answer.json();
  say(answer.ok ? `${found.sender_id}: ${found.status}` : found.error);
  if (answer.ok) form.reset();
  await look();
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.review) return;
  event.preventDefault();
  const verdict = event.submitter ? event.submitter.value : "approve";
  const reasons = {};
  form.querySelectorAll("input").forEach((field) => { if (field.value.trim()) reasons[field.name] = field.value.trim(); });
  form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  const answer = await fetch(`/twin/bundles/${form.dataset.review}/review`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(verdict === "reject" ? { verdict, reasons } : { verdict }),
  });
  const found = await answer.json();
  say(answer.ok ? `${found.friendly_name}: ${found.status}` : found.error);
  form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  await look();
});

setTimeout(keepLooking, 1000);
