"use strict";

// The page of the local Slack: sends what a person does to /twin/..., fetches the pieces of the page again when
// /page/events hints at a change, and keeps what is typed and where the focus is.

const data = JSON.parse(document.getElementById("page-data").textContent);
const words = data.words;
const here = { as: data.as, channel: data.channel, thread: data.thread, tab: data.tab };
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const modal = $("#modal");
const say = (key, more = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => more[name]);

// ---- talking to the twin

async function ask(path, body) {
  try {
    const form = body instanceof FormData;
    const response = await fetch(`/twin/${path}`, {
      method: "POST",
      headers: form ? {} : { "Content-Type": "application/json" },
      body: form ? body : JSON.stringify({ user: here.as, ...body }),
    });
    const answer = await response.json();
    if (!response.ok) return { ok: false, error: answer.error || String(response.status) };
    return answer;
  } catch {
    return { ok: false, error: words.no_answer };
  }
}

async function piece(name) {
  const query = new URLSearchParams({ as: here.as, channel: here.channel, tab: here.tab, thread: here.thread });
  const response = await fetch(`/page/${name}?${query}`);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response.text();
}

function trouble(root, text) {
  const line = root && $(":scope .trouble", root);
  if (!line) return;
  line.hidden = !text;
  line.textContent = text || "";
}

// ---- drawing anew, without flicker

const drawn = new WeakMap();

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** Runs `render` at most once at a time; a call meanwhile makes it run once more. */
function onceAtATime(render) {
  let running = null;
  let again = false;
  return function run() {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        try {
          await render();
        } catch {
          // the twin has gone; the events' connection says so
        }
      } while (again);
      running = null;
    })();
    return running;
  };
}

function actionPath(element) {
  const one = element?.closest?.("[data-action-id]");
  if (!one) return null;
  return { block: one.dataset.ofBlock, action: one.dataset.actionId, value: element.value, button: one.dataset.value };
}

function findAction(root, path) {
  const same = $$("[data-action-id]", root).filter((one) => one.dataset.actionId === path.action && (path.button ?? "") === (one.dataset.value ?? ""));
  return same.find((one) => one.dataset.ofBlock === path.block) || same[0]; // a block without an id of its own gets another each time
}

function focusAction(root, path) {
  const one = findAction(root, path);
  if (!one) return null;
  const inner = one.matches("input, select, textarea, button, a")
    ? one
    : $$("input, summary", one).find((each) => each.value === path.value) || $("input:checked, input, summary", one);
  inner?.focus({ preventScroll: true });
  return inner;
}

/** Puts the new list's items in place of those that differ; the others stay untouched. */
function drawList(pane, html) {
  const list = $(".messages", pane);
  const fresh = parsed(html);
  const next = $(".messages", fresh);
  if (!list || !next || $(".place", pane)?.dataset.channel !== $(".place", fresh)?.dataset.channel || pane.dataset.thread !== pane.dataset.drawnThread) {
    pane.replaceChildren(fresh);
    pane.dataset.drawnThread = pane.dataset.thread || "";
    remember(pane);
    toEnd(pane);
    return;
  }
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const header = $(".place", fresh);
  if (drawn.get($(".place", pane)) !== header.outerHTML) {
    const copy = header.outerHTML;
    $(".place", pane).replaceWith(header);
    drawn.set(header, copy);
  }
  const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
  let at = list.firstElementChild;
  for (const item of [...next.children]) {
    const before = old.get(item.dataset.key);
    old.delete(item.dataset.key);
    const html = item.outerHTML;
    if (before && drawn.get(before) === html) {
      if (at === before) at = at.nextElementSibling;
      else list.insertBefore(before, at);
      continue;
    }
    drawn.set(item, html);
    if (before) {
      const path = before.contains(document.activeElement) ? actionPath(document.activeElement) : null;
      if (at === before) at = at.nextElementSibling;
      before.replaceWith(item);
      if (at && item.nextElementSibling !== at) list.insertBefore(item, at);
      item.classList.add("changed");
      if (path && !focusAction(item, path)) list.focus?.();
    } else {
      list.insertBefore(item, at);
      item.classList.add("new");
    }
  }
  for (const gone of old.values()) gone.remove();
  if (atEnd) toEnd(pane);
}

function remember(pane) {
  for (const item of $$(".messages > *, .place", pane)) drawn.set(item, item.outerHTML);
}

function toEnd(pane) {
  const list = $(".messages", pane);
  if (list) list.scrollTop = list.scrollHeight;
}

const drawMessages = onceAtATime(async () => {
  const channel = here.channel;
  const html = await piece("messages");
  if (channel !== here.channel) return;
  drawList($("#messages"), html);
  nameThePage();
  showComposers();
  markRead();
});

const drawThread = onceAtATime(async () => {
  const pane = $("#thread-pane");
  if (!here.thread) {
    $("#thread").hidden = true;
    document.body.classList.remove("with-thread");
    return;
  }
  const thread = here.thread;
  const html = await piece("thread");
  if (thread !== here.thread) return;
  if (!html.trim()) {
    here.thread = "";
    $("#thread").hidden = true;
    document.body.classList.remove("with-thread");
    return;
  }
  pane.dataset.thread = here.thread;
  drawList(pane, html);
  $("#thread").hidden = false;
  document.body.classList.add("with-thread");
  toEndIfNew(pane);
});

function toEndIfNew(pane) {
  if (pane.dataset.shown !== pane.dataset.thread) toEnd(pane);
  pane.dataset.shown = pane.dataset.thread;
}

const drawSidebar = onceAtATime(async () => {
  const html = await piece("sidebar");
  const sidebar = $("#sidebar");
  if (drawn.get(sidebar) !== html) {
    if ($("#people")?.matches(":popover-open")) return setTimeout(drawSidebar, 1000);
    const focused = sidebar.contains(document.activeElement) ? document.activeElement : null;
    const wanted = focused && (focused.id ? `#${focused.id}` : `[data-go-channel="${focused.dataset.goChannel}"]`);
    sidebar.replaceChildren(parsed(html));
    drawn.set(sidebar, html);
    if (wanted) $(wanted, sidebar)?.focus();
  }
  markRead();
});

const drawHome = onceAtATime(async () => {
  const html = await piece("home");
  const home = $("#home");
  if (drawn.get(home) === html) return;
  const path = home.contains(document.activeElement) ? actionPath(document.activeElement) : null;
  home.replaceChildren(parsed(html));
  drawn.set(home, html);
  enliven(home);
  if (path) focusAction(home, path);
});

// ---- unread dots

const readKey = () => `read ${here.as}`;

function markRead() {
  let read = {};
  let elsewhere = false;
  try {
    read = JSON.parse(localStorage.getItem(readKey())) || {};
  } catch {
    // nothing kept
  }
  for (const link of $$("#sidebar [data-latest]")) {
    const channel = link.dataset.goChannel;
    const latest = Number(link.dataset.latest || 0);
    const looking = channel === here.channel && !document.hidden && here.tab !== "home";
    if (looking) read[channel] = Math.max(latest, read[channel] || 0);
    const unread = latest > (read[channel] || 0);
    link.classList.toggle("unread", unread);
    $(".dot", link).hidden = !unread;
    elsewhere ||= unread;
  }
  // where the sidebar is out of sight, its button tells
  const button = $(".menu-button");
  $(".dot", button).hidden = !elsewhere;
  button.setAttribute("aria-label", elsewhere ? `${words.menu}, ${words.unread}` : words.menu);
  localStorage.setItem(readKey(), JSON.stringify(read));
}

// ---- going somewhere

function nameThePage() {
  const title = $("#messages .place")?.dataset.title || "";
  document.title = `${title} · ${data.app}`;
  const label = say("write_in", { where: title });
  $("#composer").placeholder = label;
  $("#composer").setAttribute("aria-label", label);
}

function address() {
  const query = new URLSearchParams({ as: here.as, channel: here.channel });
  if (here.thread) query.set("thread", here.thread);
  if (here.tab === "home") query.set("tab", "home");
  return `/?${query}`;
}

/** The app hears who opens one of its tabs. */
function tellOpened() {
  if (here.channel === data.direct) ask("home", { tab: here.tab });
}

/** Home has no box to write in, nor have direct messages that the app's manifest made read-only. */
function showComposers() {
  const home = here.tab === "home";
  const readOnly = $("#messages .place")?.dataset.readOnly !== undefined;
  $("#composer-form").hidden = home || readOnly;
  $("#thread-form").hidden = readOnly;
  $("#read-only").hidden = home || !readOnly;
}

function focusPlace() {
  ($("#composer-form").hidden ? $("#messages .place h1") : $("#composer")).focus({ preventScroll: true });
}

async function go(place, { push = true } = {}) {
  const otherChannel = place.channel !== undefined && place.channel !== here.channel;
  const otherTab = otherChannel || (place.tab !== undefined && place.tab !== here.tab);
  Object.assign(here, place);
  if (otherTab) tellOpened();
  if (otherChannel) {
    if (place.thread === undefined) here.thread = "";
    trouble($("#composer-form"), "");
  }
  if (push) history.pushState({ ...here }, "", address());
  showSidebar(false);
  $("#main").dataset.tab = here.tab;
  const home = here.tab === "home";
  await Promise.all([drawMessages(), drawThread(), drawSidebar(), home ? drawHome() : null]);
  $("#home").hidden = !home;
  showComposers();
  if (!home) toEndIfChannel(otherChannel);
}

function toEndIfChannel(other) {
  if (other) toEnd($("#messages"));
}

function showSidebar(open) {
  document.body.classList.toggle("with-sidebar", open);
  $("#veil").hidden = !open;
  $(".menu-button")?.setAttribute("aria-expanded", String(open));
}

addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  if (query.get("as") && query.get("as") !== here.as) return location.reload();
  go({ channel: query.get("channel") || here.channel, thread: query.get("thread") || "", tab: query.get("tab") || "messages" }, { push: false });
});

// ---- what is typed and chosen: the shapes of state.values

function option(element) {
  return JSON.parse(element.dataset.option);
}

function readField(field) {
  const type = field.dataset.type;
  switch (type) {
    case "plain_text_input":
    case "email_text_input":
    case "url_text_input":
    case "number_input":
      return { type, value: field.value === "" ? null : field.value };
    case "static_select": {
      const chosen = field.selectedOptions[0];
      return { type, selected_option: chosen?.dataset.option ? option(chosen) : null };
    }
    case "external_select":
      return { type, selected_option: field.dataset.option ? option(field) : null };
    case "multi_external_select":
      return { type, selected_options: JSON.parse(field.dataset.options || "[]") };
    case "radio_buttons": {
      const chosen = $("input:checked", field);
      return { type, selected_option: chosen ? option(chosen) : null };
    }
    case "checkboxes":
    case "multi_static_select":
      return { type, selected_options: $$("input:checked", field).map(option) };
    case "users_select":
      return { type, selected_user: field.value || null };
    case "channels_select":
      return { type, selected_channel: field.value || null };
    case "conversations_select":
      return { type, selected_conversation: field.value || null };
    case "datepicker":
      return { type, selected_date: field.value || null };
    case "timepicker":
      return { type, selected_time: field.value || null };
    case "datetimepicker":
      return { type, selected_date_time: field.value ? Math.floor(new Date(field.value).getTime() / 1000) : null };
    case "file_input":
      return { type, files: JSON.parse(field.dataset.files || "[]") };
    default:
      return null; // buttons and menus have no state
  }
}

/** Puts back what was typed before; leaves the field alone when the choice is no longer offered. */
function writeField(field, kept) {
  if (kept.state.type !== field.dataset.type) return;
  const state = kept.state;
  switch (state.type) {
    case "static_select": {
      const value = state.selected_option?.value ?? "";
      if ([...field.options].some((each) => each.value === value)) field.value = value;
      break;
    }
    case "external_select":
      choose(field, state.selected_option);
      if (kept.text !== undefined) field.value = kept.text;
      break;
    case "multi_external_select":
      field.dataset.options = JSON.stringify(state.selected_options);
      field.value = kept.text || "";
      break;
    case "radio_buttons": {
      const same = $$("input", field).find((each) => each.value === state.selected_option?.value);
      if (same) same.checked = true;
      break;
    }
    case "checkboxes":
    case "multi_static_select":
      for (const each of $$("input", field)) each.checked = state.selected_options.some((one) => one.value === each.value);
      break;
    case "file_input":
      field.dataset.files = JSON.stringify(state.files);
      break;
    case "datetimepicker":
      field.value = kept.raw;
      break;
    default:
      field.value = Object.entries(state).find(([key]) => key !== "type")[1] ?? "";
  }
  field.dataset.touched = "";
}

function values(root, except = null) {
  const found = {};
  for (const field of $$("[data-action-id]", root)) {
    if (field === except) continue;
    const state = readField(field);
    if (state) (found[field.dataset.ofBlock] ??= {})[field.dataset.actionId] = state;
  }
  return found;
}

// ---- the dialog

const drafts = new Map();
let submitting = null;

function keepDraft() {
  const form = $("form", modal);
  if (!form) return;
  const kept = drafts.get(form.dataset.viewId) || new Map();
  for (const field of $$("[data-action-id]", form)) {
    const key = `${field.dataset.ofBlock}\n${field.dataset.actionId}`;
    const state = readField(field);
    if (state && field.dataset.touched !== undefined) kept.set(key, { state, text: field.role === "combobox" ? field.value : undefined, raw: field.value });
  }
  drafts.set(form.dataset.viewId, kept);
}

function restoreDraft(form) {
  const kept = drafts.get(form.dataset.viewId);
  if (!kept) return;
  const offered = new Set();
  for (const field of $$("[data-action-id]", form)) {
    const key = `${field.dataset.ofBlock}\n${field.dataset.actionId}`;
    const before = kept.get(key);
    if (before) writeField(field, before);
    offered.add(key);
  }
  for (const key of [...kept.keys()]) if (!offered.has(key)) kept.delete(key); // gone once, Slack forgets it
}

const drawModal = onceAtATime(async () => {
  showModal(await piece("modal"));
});

function showModal(html) {
  const fresh = parsed(html);
  const next = $("form", fresh);
  const shown = $("form", modal);
  if (!next) {
    drafts.clear();
    modal.dataset.viewCallback = "";
    if (modal.open) modal.close();
    modal.replaceChildren();
    if (document.activeElement === document.body) focusPlace();
    return;
  }
  const same = shown && shown.dataset.viewId === next.dataset.viewId;
  if (same && shown.dataset.hash === next.dataset.hash && modal.open) return;
  keepDraft();
  const active = modal.contains(document.activeElement) ? document.activeElement : null;
  const path = active && actionPath(active);
  const selection = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  const searching = active?.getAttribute("aria-expanded") === "true";
  const onClose = active?.dataset.close;
  const scrolled = same ? $(".fields-area", shown).scrollTop : 0;
  modal.replaceChildren(fresh);
  modal.dataset.viewCallback = next.dataset.callback;
  enliven(modal);
  restoreDraft(next);
  $$("[data-type='multi_external_select']", next).forEach(drawChips);
  $$("[data-type='file_input']", next).forEach(drawFiles);
  if (!modal.open) modal.showModal();
  $(".fields-area", next).scrollTop = scrolled;
  if (submitting === next.dataset.viewId && same && next.dataset.waiting === undefined) busyForm(next, true);
  const again = same && path ? focusAction(next, path) : null;
  if (again) {
    if (selection?.[0] != null && again.setSelectionRange && again.type !== "email" && again.type !== "number") again.setSelectionRange(...selection);
    if (searching) suggest(again);
  } else if (same && onClose) {
    $(`[data-close="${onClose}"]`, next)?.focus();
  } else {
    focusFirst(next);
  }
}

function focusFirst(form) {
  const wanted = $("[data-focus-on-load]", form);
  const first = wanted || $(".fields-area :is(input, select, textarea):not([type=file], [tabindex='-1'])", form);
  if (!first) return ($("footer .primary", form) || $("#modal-title", form)).focus();
  if (first.matches("input, select, textarea, button")) {
    const radio = first.type === "radio" && $(`input[name="${CSS.escape(first.name)}"]:checked`, form);
    (radio || first).focus();
  } else $("input", first)?.focus();
}

function busyForm(form, busy) {
  if (busy) form.setAttribute("aria-busy", "true");
  else form.removeAttribute("aria-busy");
  const button = $("[type=submit]", form);
  if (button) {
    button.classList.toggle("busy", busy);
    button.setAttribute("aria-disabled", String(busy));
  }
}

function clearErrors(form) {
  trouble(form, "");
  for (const line of $$(".field-error", form)) {
    line.hidden = true;
    line.textContent = "";
  }
  for (const field of $$("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
}

function showErrors(form, errors) {
  let first = null;
  const homeless = [];
  for (const [block, text] of Object.entries(errors)) {
    const holder = $(`[data-block-id="${CSS.escape(block)}"]`, form);
    const line = holder && $(".field-error", holder);
    if (!line) {
      homeless.push(text);
      continue;
    }
    line.textContent = text;
    line.hidden = false;
  }
  if (homeless.length) trouble(form, homeless.join(" "));
  for (const holder of $$("[data-block-id]", form)) {
    if (!(holder.dataset.blockId in errors)) continue;
    const field = $("[data-action-id]", holder);
    const inner = field?.matches("input, select, textarea") ? field : field && $("input:checked, input", field);
    (field?.matches(".files") ? inner : field)?.setAttribute("aria-invalid", "true");
    first ??= inner;
  }
  first?.focus();
  first?.scrollIntoView?.({ block: "center" });
}

async function submit(form) {
  if (submitting) return;
  const id = form.dataset.viewId;
  submitting = id;
  clearErrors(form);
  busyForm(form, true);
  await Promise.all(uploads); // what was chosen belongs to what is sent
  const current = $("form", modal);
  const answer = await ask("submit", { view_id: id, values: values(current?.dataset.viewId === id ? current : form) });
  submitting = null;
  const now = $("form", modal);
  if (now?.dataset.viewId === id) busyForm(now, false);
  if (answer.ok) {
    const errors = answer.errors || {};
    if (Object.keys(errors).length) return now && showErrors(now, errors);
    if (answer.response_action === "update" || answer.response_action === "push") keepDraft();
    await drawModal();
  } else {
    await drawModal();
    const shown = $("form", modal);
    if (shown) trouble(shown, say("failed", { what: words.this_form, error: answer.error }));
  }
}

async function closeView(which) {
  const form = $("form", modal);
  if (!form) return;
  await ask("close", { view_id: which === "all" ? form.dataset.rootId : form.dataset.viewId });
  await drawModal();
}

modal.addEventListener("cancel", (event) => {
  event.preventDefault();
  closeView("this");
});
modal.addEventListener("close", () => {
  if ($("form", modal)) drawModal(); // closed by the browser itself: the twin knows better
});
modal.addEventListener("keydown", (event) => {
  const form = $("form", modal);
  if (!form) return;
  if (event.key === "Escape" && !event.defaultPrevented) {
    event.preventDefault();
    closeView("this");
  } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && $("[type=submit]", form)) {
    event.preventDefault();
    submit(form);
  } else if (event.key === "Tab") {
    const stops = $$("a[href], button, input, select, textarea, summary", modal).filter((each) => !each.disabled && each.tabIndex >= 0 && each.getClientRects().length);
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (stops.length && document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? stops.at(-1) : stops[0]).focus();
    }
  }
});

// ---- doing something with an element

function confirmed(asked) {
  const dialog = $("#confirm");
  $("#confirm-title").textContent = asked.title;
  $("#confirm-text").innerHTML = asked.html; // made by the server's mrkdwn
  $("#confirm-yes").textContent = asked.confirm;
  $("#confirm-no").textContent = asked.deny;
  $("#confirm-yes").className = `button ${asked.style === "danger" ? "danger" : "primary"}`;
  dialog.returnValue = "no";
  dialog.showModal();
  $("#confirm-no").focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

/** Where the element stands: in an open view, on Home, or in a message. */
function placeOf(field) {
  const form = field.closest("#modal form");
  if (form) return { root: form, where: { view_id: form.dataset.viewId }, typed: values(form, field) };
  const home = field.closest(".home-view");
  if (home) return { root: home, where: { view_id: home.dataset.viewId }, typed: values(home, field) };
  const message = field.closest("[data-ts]");
  return { root: message, where: { channel: here.channel, ts: message.dataset.ts }, typed: undefined };
}

async function act(field, state, shownBusy = field) {
  if (field.dataset.confirm && !(await confirmed(JSON.parse(field.dataset.confirm)))) return;
  const { root, where, typed } = placeOf(field);
  trouble(root, "");
  shownBusy.classList.add("busy");
  shownBusy.setAttribute("aria-busy", "true");
  const answer = await ask("act", { ...where, action_id: field.dataset.actionId, block_id: field.dataset.ofBlock, ...state, ...(typed ? { typed } : {}) });
  shownBusy.classList.remove("busy");
  shownBusy.removeAttribute("aria-busy");
  await Promise.all([drawModal(), where.ts ? drawMessages() : null]);
  if (!answer.ok) {
    const now = where.view_id ? $(`[data-view-id="${CSS.escape(where.view_id)}"]`) : root.isConnected ? root : $(`[data-ts="${where.ts}"]`);
    trouble(now, say("failed", { what: words.this_action, error: answer.error }));
  }
}

function dispatches(field) {
  return field.dataset.dispatch !== undefined;
}

const typing = new WeakMap();

function changed(field, state = readField(field)) {
  field.dataset.touched = "";
  if (dispatches(field)) act(field, state);
}

const TEXTS = "input[data-trigger], textarea[data-trigger]";

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches("[role=combobox]")) {
    field.dataset.touched = "";
    clearTimeout(typing.get(field));
    typing.set(field, setTimeout(() => suggest(field), 150));
  } else if (field.matches(TEXTS)) {
    field.dataset.touched = "";
    if (dispatches(field) && field.dataset.trigger.includes("on_character_entered")) {
      clearTimeout(typing.get(field));
      typing.set(field, setTimeout(() => act(field, readField(field), document.createElement("i")), 300));
    }
  } else if (field.matches(".composer textarea")) {
    grow(field);
    if (field.id === "composer") offerCommands();
  }
});

document.addEventListener("change", (event) => {
  const target = event.target;
  if (target.matches("input[type=file]")) return upload(target);
  if (target.matches("[role=combobox]") || target.matches(TEXTS)) return;
  const field = target.closest("[data-action-id]");
  if (field) changed(field);
});

document.addEventListener("click", async (event) => {
  const target = event.target;
  const get = (selector) => target.closest(selector);
  let found;
  if ((found = get(".overflow .choice"))) {
    const menu = found.closest(".overflow");
    menu.open = false;
    $("summary", menu).focus();
    act(menu, { type: "overflow", selected_option: option(found) }, $("summary", menu));
  } else if ((found = get("[data-type=button][data-action-id]"))) {
    if (!found.classList.contains("busy")) act(found, { type: "button", value: found.dataset.value });
  } else if ((found = get("[data-close]"))) {
    closeView(found.dataset.close);
  } else if ((found = get(".combo .clear"))) {
    const field = $("[role=combobox]", found.parentElement);
    choose(field, null);
    field.value = "";
    field.focus();
    changed(field);
  } else if ((found = get(".remove-chip"))) {
    removeChip(found);
  } else if ((found = get(".remove-file"))) {
    removeFile(found);
  } else if (get("[role=combobox]")) {
    suggest(get("[role=combobox]"));
  } else if ((found = get("[data-try]"))) {
    attempt(found.dataset.try);
  } else if (get(".menu-button")) {
    showSidebar(!document.body.classList.contains("with-sidebar"));
    $("#sidebar [aria-current]").focus();
  } else if (get("#veil")) {
    showSidebar(false);
  } else if ((found = get("[data-tour]"))) {
    const step = Number(found.dataset.tour);
    if (found.dataset.tour === "end") showTour({ ended: true });
    else showTour({ ended: false, step: step ? tour().step + step : 0 });
    if (tour().ended) focusPlace();
    else if (!step) {
      showSidebar(false);
      $("#tour .step:not([hidden]) a").focus();
    }
  } else if (get(".skip")) {
    event.preventDefault();
    focusPlace();
  } else if (get("#close-thread")) {
    const from = here.thread;
    await go({ thread: "" });
    ($(`#messages [data-thread="${from}"]`) || { focus: focusPlace }).focus();
  } else if (!event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    if ((found = get("[data-go-channel]"))) {
      event.preventDefault();
      await go({ channel: found.dataset.goChannel, tab: found.dataset.goTab || "messages" });
      if (found.dataset.goTab) $(`[data-go-tab="${found.dataset.goTab}"]`)?.focus();
      else focusPlace();
    } else if ((found = get("#tour a[href^='/']"))) {
      const to = new URL(found.href).searchParams;
      if (to.get("as") !== here.as) return; // somebody else's page is another one
      event.preventDefault();
      await go({ channel: to.get("channel"), tab: "messages" });
      if (to.has("try")) attempt(to.get("try"));
    } else if ((found = get("a[data-thread]"))) {
      event.preventDefault();
      await go({ thread: found.dataset.thread });
      ($("#thread-form").hidden ? $("#close-thread") : $("#thread-composer")).focus();
    }
  }
  for (const open of $$(".overflow[open]")) if (!open.contains(target)) open.open = false;
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.closest("#confirm")) return;
  event.preventDefault();
  if (form.matches(".composer")) send(form);
  else if (form.closest("#modal") && $("[type=submit]", form)) submit(form);
});

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.isComposing || event.keyCode === 229) return; // an input method is at work
  if (field.matches?.(".composer textarea")) return composerKey(event, field);
  if (field.matches?.("[role=combobox]")) return comboKey(event, field);
  if (event.key === "Enter" && field.matches?.("input[data-trigger]") && dispatches(field)) {
    event.preventDefault();
    if (field.dataset.trigger.includes("on_enter_pressed")) act(field, readField(field));
  } else if (event.key === "Escape") {
    const menu = field.closest?.(".overflow[open]");
    if (menu) {
      menu.open = false;
      $("summary", menu).focus();
      event.preventDefault();
      event.stopPropagation();
    } else if (!modal.open && document.body.classList.contains("with-sidebar")) {
      showSidebar(false);
      $(".menu-button").focus();
    } else if (!modal.open && here.thread && field.closest?.("#thread")) $("#close-thread").click();
  } else if (field.closest?.("#people, #person-button") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    peopleKey(event, field);
  }
}, true);

// ---- search as you type

let turn = 0;

const listOf = (field) => document.getElementById(field.getAttribute("aria-controls"));

function choose(field, chosen) {
  if (chosen) {
    field.dataset.option = JSON.stringify(chosen);
    field.value = chosen.text.text;
  } else delete field.dataset.option;
  const clear = $(".clear", field.parentElement);
  if (clear) clear.hidden = !chosen;
}

function closeList(field) {
  const list = listOf(field);
  clearTimeout(typing.get(field));
  turn += 1;
  if (list) list.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function openList(field) {
  const list = listOf(field);
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
  const box = field.getBoundingClientRect();
  const below = innerHeight - box.bottom - 12;
  const height = Math.min(300, Math.max(below, box.top - 12));
  list.style.maxHeight = `${height}px`;
  list.style.width = `${box.width}px`;
  list.style.left = `${box.left}px`;
  const up = below < Math.min(list.scrollHeight, 200) && box.top > below;
  list.style.top = up ? "auto" : `${box.bottom + 4}px`;
  list.style.bottom = up ? `${innerHeight - box.top + 4}px` : "auto";
}

async function suggest(field) {
  const list = listOf(field);
  const status = $("[role=status]", field.parentElement);
  const chosen = field.dataset.option ? option(field).text.text : null;
  const value = field.value === chosen ? "" : field.value.trim();
  const mine = ++turn;
  const note = (text) => {
    const line = document.createElement("div");
    line.className = "note";
    line.textContent = text;
    list.replaceChildren(line);
    status.textContent = text;
    openList(field);
  };
  if (value.length < Number(field.dataset.min)) return note(words.keep_typing);
  if (list.hidden || !$("[role=option]", list)) note(words.searching);
  const { where } = placeOf(field);
  const answer = await ask("suggest", { ...where, action_id: field.dataset.actionId, value });
  if (mine !== turn || !field.isConnected) return;
  if (answer.error) {
    note(say("failed", { what: words.this_action, error: answer.error }));
    return;
  }
  const groups = answer.option_groups || [{ options: answer.options || [] }];
  list.replaceChildren();
  let count = 0;
  for (const group of groups) {
    let into = list;
    if (group.label) {
      into = document.createElement("div");
      into.setAttribute("role", "group");
      const label = document.createElement("p");
      label.className = "group-label";
      label.id = `${list.id}-group-${count}`;
      label.textContent = group.label.text;
      into.setAttribute("aria-labelledby", label.id);
      into.append(label);
      list.append(into);
    }
    for (const each of group.options) {
      const line = document.createElement("div");
      line.setAttribute("role", "option");
      line.id = `${list.id}-${count++}`;
      line.dataset.option = JSON.stringify(each);
      line.setAttribute("aria-selected", "false");
      line.append(each.text.text);
      if (each.description) {
        const small = document.createElement("small");
        small.textContent = each.description.text;
        line.append(small);
      }
      into.append(line);
    }
  }
  if (!count) return note(words.no_results);
  status.textContent = say("results", { n: count });
  openList(field);
  move(field, 0);
}

function move(field, to) {
  const lines = $$("[role=option]", listOf(field));
  if (!lines.length) return;
  const at = (to + lines.length) % lines.length;
  lines.forEach((line, index) => line.setAttribute("aria-selected", String(index === at)));
  lines[at].scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", lines[at].id);
}

function pick(field, line) {
  const chosen = option(line);
  if (field.dataset.type === "multi_external_select") {
    const all = JSON.parse(field.dataset.options || "[]").filter((each) => each.value !== chosen.value);
    field.dataset.options = JSON.stringify([...all, chosen]);
    field.value = "";
    drawChips(field);
  } else choose(field, chosen);
  closeList(field);
  changed(field);
}

function comboKey(event, field) {
  const open = !listOf(field).hidden;
  const lines = $$("[role=option]", listOf(field));
  const at = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!open) suggest(field);
    else move(field, at + (event.key === "ArrowDown" ? 1 : -1));
  } else if (event.key === "Enter" && open && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    event.stopPropagation();
    if (lines[at]) pick(field, lines[at]);
  } else if (event.key === "Escape" && open) {
    event.preventDefault();
    event.stopPropagation();
    closeList(field);
  } else if ((event.key === "Home" || event.key === "End") && open && event.ctrlKey) {
    event.preventDefault();
    move(field, event.key === "Home" ? 0 : -1);
  }
}

document.addEventListener("pointerdown", (event) => {
  const line = event.target.closest(".listbox [role=option]");
  if (event.target.closest(".listbox")) event.preventDefault(); // the focus stays in the field
  if (line?.dataset.fill) fillIn(line);
  else if (line) pick($("[role=combobox]", line.closest(".combo")), line);
});
document.addEventListener("pointermove", (event) => {
  const line = event.target.closest?.(".listbox [role=option]");
  if (!line || line.getAttribute("aria-selected") === "true") return;
  if (line.dataset.fill) return moveCommand(commandLines().indexOf(line));
  const field = $("[role=combobox]", line.closest(".combo"));
  move(field, $$("[role=option]", listOf(field)).indexOf(line));
});
document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (field.id === "composer") closeCommands();
  if (!field.matches?.("[role=combobox]") || !field.isConnected) return;
  closeList(field);
  const chosen = field.dataset.option ? option(field) : null;
  if (field.dataset.type !== "external_select") field.value = "";
  else if (chosen && field.value === "") {
    choose(field, null);
    changed(field);
  } else field.value = chosen ? chosen.text.text : "";
});
document.addEventListener("scroll", (event) => {
  if (event.target.closest?.(".listbox")) return;
  for (const open of $$("[role=combobox][aria-expanded=true]")) openList(open);
}, true);
addEventListener("resize", () => $$("[role=combobox][aria-expanded=true]").forEach(openList));

function lineWith(text, className, key, value) {
  const line = document.createElement("li");
  line.append(text);
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.dataset[key] = value;
  button.setAttribute("aria-label", say("remove", { name: text }));
  button.textContent = "×";
  line.append(button);
  return line;
}

function drawChips(field) {
  const chips = JSON.parse(field.dataset.options || "[]").map((each) => lineWith(each.text.text, "remove-chip", "value", each.value));
  $(".chips", field.parentElement).replaceChildren(...chips);
}

function removeChip(button) {
  const field = $("[role=combobox]", button.closest(".combo"));
  field.dataset.options = JSON.stringify(JSON.parse(field.dataset.options).filter((each) => each.value !== button.dataset.value));
  drawChips(field);
  field.focus();
  closeList(field);
  changed(field);
}

// ---- files

const uploads = new Set();

async function uploadAll(first, picked) {
  const view = first.closest("form").dataset.viewId;
  const path = actionPath(first);
  // the dialog may be drawn anew meanwhile
  const now = () => (first.isConnected ? first : $("form", modal)?.dataset.viewId === view ? findAction(modal, path) : null);
  const status = (text) => now() && ($(".status", now()).textContent = text);
  let failed = "";
  for (const file of picked) {
    status(words.uploading);
    const form = new FormData();
    form.append("user", here.as);
    form.append("file", file);
    const answer = await ask("upload", form);
    const field = now();
    if (!field) return;
    if (answer.error) failed = say("failed", { what: words.this_upload, error: answer.error });
    else {
      const files = [...JSON.parse(field.dataset.files || "[]"), answer].slice(-Number(field.dataset.max));
      field.dataset.files = JSON.stringify(files);
      drawFiles(field);
      changed(field);
    }
  }
  status(failed);
}

async function upload(input) {
  const picked = [...input.files];
  input.value = "";
  const work = uploadAll(input.closest(".files"), picked);
  uploads.add(work);
  await work;
  uploads.delete(work);
}

function drawFiles(field) {
  const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil((bytes || 0) / 1000)} kB`);
  const lines = JSON.parse(field.dataset.files || "[]").map((file) => {
    const line = lineWith(file.name || file.id, "remove-file", "id", file.id);
    const small = document.createElement("small");
    small.textContent = size(file.size);
    line.insertBefore(small, line.lastChild);
    return line;
  });
  $("ul", field).replaceChildren(...lines);
}

function removeFile(button) {
  const field = button.closest(".files");
  field.dataset.files = JSON.stringify(JSON.parse(field.dataset.files).filter((file) => file.id !== button.dataset.id));
  drawFiles(field);
  $("input", field).focus();
  changed(field);
}

// ---- writing

const sent = [];
let recalled = -1;

function grow(box) {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 180)}px`;
}

function composerKey(event, box) {
  if (box.id === "composer" && commandKey(event)) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send(box.form);
  } else if (event.key === "ArrowUp" && box.id === "composer" && sent.length && (box.value === "" || recalled >= 0)) {
    event.preventDefault();
    recalled = recalled < 0 ? sent.length - 1 : Math.max(0, recalled - 1);
    box.value = sent[recalled];
    grow(box);
  } else if (event.key === "Escape" && box.id === "thread-composer" && !box.value) {
    $("#close-thread").click();
  } else if (event.key !== "Shift") recalled = -1;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

async function send(form) {
  const box = $("textarea", form);
  const text = box.value.trim();
  if (!text || form.getAttribute("aria-busy")) return;
  const inThread = form.id === "thread-form";
  closeCommands();
  const command = /^\/\S*/.exec(text)?.[0];
  trouble(form, "");
  if (command && inThread) return trouble(form, words.no_commands);
  const known = data.commands.map((each) => each.name);
  if (command && !known.includes(command)) return trouble(form, say("unknown_command", { what: command, known: known.join(", ") }));
  form.setAttribute("aria-busy", "true");
  box.value = "";
  grow(box);
  const waiting = $(".waiting", form);
  const soon = setTimeout(() => waiting && (waiting.textContent = command ? words.running : words.sending), 250);
  const answer = command
    ? await ask("command", { channel: here.channel, command, text: text.slice(command.length).trim() })
    : await ask("message", { channel: here.channel, text: escaped(text), ...(inThread ? { thread_ts: here.thread } : {}) });
  clearTimeout(soon);
  if (waiting) waiting.textContent = "";
  form.removeAttribute("aria-busy");
  if (answer.ok === false || answer.error) {
    trouble(form, say("failed", { what: command || words.this_message, error: answer.error }));
    if (!box.value) box.value = text;
    grow(box);
  } else {
    sent.push(text);
    recalled = -1;
  }
  await Promise.all([drawMessages(), inThread ? drawThread() : null, command ? drawModal() : null]);
  if (answer.ok !== false && !answer.error) toEnd(inThread ? $("#thread-pane") : $("#messages"));
}

// ---- slash commands, offered while they are typed

const commandList = $("#commands");
const commandLines = () => $$("[role=option]", commandList);

/** What could be meant: commands, and after a command the words of its usage hint. */
function completions(typed) {
  const [, name, space, word] = /^(\/\S*)(\s+)?(\S*)$/.exec(typed) || [];
  if (!name) return [];
  if (!space) return data.commands.filter((each) => each.name.startsWith(name)).map((each) => ({ text: each.name, hint: each.usage_hint, about: each.description }));
  const words = data.commands.find((each) => each.name === name)?.subcommands || [];
  return words.filter((each) => each.startsWith(word) && each !== word).map((each) => ({ text: `${name} ${each}` }));
}

function offerCommands() {
  const typed = $("#composer").value;
  const found = completions(typed);
  commandList.replaceChildren(
    ...found.map(({ text, hint, about }, at) => {
      const line = document.createElement("div");
      line.setAttribute("role", "option");
      line.id = `command-${at}`;
      line.dataset.fill = `${text} `;
      const name = document.createElement("strong");
      name.textContent = text;
      line.append(name);
      if (hint) line.append(` ${hint}`);
      if (about) {
        const small = document.createElement("small");
        small.textContent = about;
        line.append(small);
      }
      return line;
    }),
  );
  commandList.hidden = !found.length;
  $("#commands-status").textContent = found.length ? say("results", { n: found.length }) : "";
  // only a command that cannot be sent yet is completed by Enter; a subcommand has to be chosen
  moveCommand(found.length && !/\s/.test(typed) && found[0].text !== typed ? 0 : -1);
}

function closeCommands() {
  commandList.hidden = true;
  moveCommand(-1);
}

function moveCommand(to) {
  commandLines().forEach((line, at) => line.setAttribute("aria-selected", String(at === to)));
  const line = commandLines()[to];
  line?.scrollIntoView({ block: "nearest" });
  if (line) $("#composer").setAttribute("aria-activedescendant", line.id);
  else $("#composer").removeAttribute("aria-activedescendant");
}

function fillIn(line) {
  const box = $("#composer");
  box.value = line.dataset.fill;
  grow(box);
  offerCommands();
}

/** Whether the key was for the list. */
function commandKey(event) {
  if (commandList.hidden) return false;
  const lines = commandLines();
  const at = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") moveCommand((at + 1) % lines.length);
  else if (event.key === "ArrowUp") moveCommand((at < 1 ? lines.length : at) - 1);
  else if (event.key === "Tab" && !event.shiftKey) fillIn(lines[Math.max(at, 0)]);
  else if (event.key === "Enter" && !event.shiftKey && at >= 0) fillIn(lines[at]);
  else if (event.key === "Escape") closeCommands();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

/** Types it for the person, who sends it. */
function attempt(text) {
  const box = $("#composer");
  box.value = text;
  grow(box);
  box.focus();
  offerCommands();
}

// ---- the tour

function tour() {
  try {
    return { step: 0, ...JSON.parse(localStorage.getItem("tour")) };
  } catch {
    return { step: 0 };
  }
}

function showTour(change = {}) {
  const steps = $$("#tour .step");
  if (!steps.length) return;
  const now = { ...tour(), ...change };
  if (now.step >= steps.length) Object.assign(now, { step: 0, ended: true });
  if (now.step === 0) now.own = here.as; // who goes on later, after having been somebody else
  localStorage.setItem("tour", JSON.stringify(now));
  $("#tour").hidden = Boolean(now.ended);
  steps.forEach((step, at) => (step.hidden = at !== now.step));
  $("#tour [data-tour='-1']").disabled = now.step === 0;
  for (const link of $$("#tour a[data-own][href^='/']")) {
    const to = new URL(link.href);
    to.searchParams.set("as", now.own || here.as);
    link.setAttribute("href", to.pathname + to.search);
  }
}

// ---- people

function peopleKey(event, field) {
  event.preventDefault();
  const menu = $("#people");
  const links = $$("a", menu);
  if (!menu.matches(":popover-open")) {
    menu.showPopover();
    return;
  }
  const at = links.indexOf(field) + (event.key === "ArrowDown" ? 1 : -1);
  links[(at + links.length) % links.length].focus();
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches(".overflow[open]")) {
    const menu = $(".menu", event.target);
    menu.style.translate = "";
    const beyond = menu.getBoundingClientRect().right - innerWidth + 8;
    if (beyond > 0) menu.style.translate = `${-beyond}px 0`;
    menu.scrollIntoView({ block: "nearest" });
  }
  if (event.target.id !== "people") return;
  $("#person-button").setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState === "open") $("[aria-current]", event.target)?.focus();
}, true);

// ---- live

function enliven(root) {
  $$("[data-type='multi_external_select']", root).forEach(drawChips);
  $$("[data-type='file_input']", root).forEach(drawFiles);
}

function listen() {
  const source = new EventSource(`/page/events?as=${encodeURIComponent(here.as)}`);
  let lost = 0;
  source.onopen = () => {
    clearTimeout(lost);
    $("#offline").hidden = true;
  };
  source.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => ($("#offline").hidden = false), 800);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  source.onmessage = (event) => {
    const hints = event.data.split(" ");
    const all = hints.includes("all");
    if (all || hints.includes("view")) drawModal();
    if (all || hints.includes("home")) drawHome();
    if (all || hints.includes("state") || hints.includes("home") || hints.includes(`message:${here.channel}`)) {
      drawMessages();
      drawThread();
    }
    if (all || hints.some((hint) => hint === "state" || hint.startsWith("message"))) drawSidebar();
    document.documentElement.dataset.live = "";
  };
}

document.addEventListener("visibilitychange", markRead);

history.replaceState({ ...here }, "", address() + location.hash); // names the person: to load it again is a reload
remember($("#messages"));
remember($("#thread-pane"));
$("#thread-pane").dataset.thread = $("#thread-pane").dataset.drawnThread = $("#thread-pane").dataset.shown = here.thread;
$("#messages").dataset.thread = $("#messages").dataset.drawnThread = "";
showTour();
toEnd($("#messages"));
toEnd($("#thread-pane"));
if (location.hash.startsWith("#p")) document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: "center" });
markRead();
enliven(document);
tellOpened();
if ($("form", modal)) {
  modal.showModal();
  focusFirst($("form", modal));
} else {
  focusPlace();
  if ($("#composer").value) attempt($("#composer").value);
}
listen();
