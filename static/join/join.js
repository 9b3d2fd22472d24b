// These pages work without this file. It adds: what was typed stays when nothing could be sent, a form is sent
// once, and the first reading appears by itself. Words come from the server.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const tell = (text) => {
    one("#told").textContent = text;
  };
  const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

  // --- A form is answered by another page, or by itself with what is wrong.
  const passwords = () => [...document.querySelectorAll("[type=password]")];
  const showRefusal = (fresh) => {
    const typed = passwords().map((field) => field.value);
    const newer = one("main", fresh);
    one("main").replaceWith(document.adoptNode(newer));
    // The server never sends a password back.
    passwords().forEach((field, index) => {
      field.value = typed[index] || "";
    });
    countDown();
    const said = one("[role=alert]:not([hidden])", newer);
    if (said) tell(said.textContent.trim());
    const wrong = one("[aria-invalid=true]", newer);
    if (wrong) wrong.focus();
    else scrollTo(0, 0);
  };
  const send = async (form, button) => {
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    button.disabled = true;
    const offline = one(".script-words");
    try {
      const address = button.hasAttribute("formaction") ? button.formAction : form.action;
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(address, { method: "POST", body, credentials: "same-origin" });
      if (answer.redirected) {
        location.assign(answer.url);
        return;
      }
      showRefusal(await read(answer));
    } catch {
      offline.textContent = offline.dataset.offline;
      offline.hidden = false;
    }
    form.ariaBusy = "false";
    button.disabled = false;
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-form]");
    if (!form) return;
    event.preventDefault();
    send(form, event.submitter || one("button", form));
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("[data-form]").forEach((form) => {
      form.ariaBusy = "false";
      one(".main", form).disabled = false;
    });
  });

  // --- The next code may be asked for after a minute.
  let ticking = 0;
  const countDown = () => {
    clearInterval(ticking);
    const button = one("[data-wait]");
    if (!button) return;
    const until = Date.now() + Number(button.dataset.wait) * 1000;
    const show = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.later.replace("{n}", left) : button.dataset.words;
      if (left <= 0) clearInterval(ticking);
    };
    ticking = setInterval(show, 1000);
    show();
  };
  countDown();

  // --- The first reading: look again until it is there, less and less often.
  let waiting = 0;
  const look = async () => {
    clearTimeout(waiting);
    const part = one("[data-again]");
    if (!part) return;
    let pause = Math.min(Number(part.dataset.again) * 1.3, 30);
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      const newer = answer.ok && !answer.redirected ? (await read(answer)).getElementById(part.id) : null;
      const words = newer && one("[data-tell]", newer).textContent.trim();
      if (newer && (!newer.dataset.again || words !== one("[data-tell]", part).textContent.trim())) {
        part.replaceWith(document.adoptNode(newer));
        tell(words);
        pause = 2;
      }
    } catch {
      // No connection: look again later.
    }
    const current = one("[data-again]");
    if (!current) return;
    current.dataset.again = pause;
    waiting = setTimeout(look, pause * 1000);
  };
  if (one("[data-again]")) waiting = setTimeout(look, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
})();
