// Keeps a page true while it is open. Everything works without this file; it only spares the reload.
//
// The server renders; this fetches the same page again when the feed says something happened (or, for what has no
// events, every data-poll milliseconds) and patches the difference in, so that focus, scrolling, open <details>
// and half-written forms stay as they are.

const main = document.querySelector("main");
const light = document.getElementById("live");
let busy = false;
let again = false;

function say(state, text) {
  if (!light) return;
  light.dataset.state = state;
  light.textContent = text;
}

function sameKind(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}

function patchAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (name !== "open" && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function patch(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  // What a person is typing is theirs.
  if (from.matches("input, textarea, select, [data-keep]")) return;
  patchAttributes(from, to);
  const keyed = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let have = wanted.id ? keyed.get(wanted.id) : at;
    if (have && have !== at) from.insertBefore(have, at);
    if (have && sameKind(have, wanted)) {
      patch(have, wanted);
      at = have.nextSibling;
    } else {
      from.insertBefore(document.importNode(wanted, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") {
      location.assign("/login");
      return;
    }
    if (!answer.ok) return say("off", "not live");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (fresh) patch(main, fresh);
    document.title = page.title;
    say("on", "live");
  } catch {
    say("off", "not live");
  } finally {
    busy = false;
    if (again) {
      again = false;
      setTimeout(refresh, 250);
    }
  }
}

function poll() {
  const every = Number(main.dataset.poll || 0);
  setTimeout(async () => {
    if (main.dataset.poll && !document.hidden) await refresh();
    poll();
  }, every || 5000);
}

function follow() {
  const feed = new EventSource(main.dataset.feed);
  feed.addEventListener("open", () => say("on", "live"));
  feed.addEventListener("error", () => say("off", "reconnecting"));
  feed.addEventListener("message", refresh);
  addEventListener("pagehide", () => feed.close());
}

if (main) {
  if (main.dataset.feed) follow();
  poll();
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}
