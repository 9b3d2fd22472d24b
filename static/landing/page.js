// The page works without this file. It adds: what an amount buys, a fresh reading, steps that fill by
// themselves, and the payment window of the app that opened the page. Words come from the server.
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  root.classList.add("scripted");

  // --- What an amount buys: whole numbers only, 10^-6 yuan, as the server's own sums.
  const scaled = (text, places) => {
    const [whole, fraction = ""] = text.split(".");
    return Number(whole + fraction.padEnd(places, "0").slice(0, places));
  };
  const energyFor = (amount, sums) => {
    const step = scaled(sums.step, 2);
    const stepPrice = scaled(sums.price, 4) * step;
    const available = scaled(amount, 2) * 10000 + scaled(sums.carried, 6);
    const hundredths = ((available - (available % stepPrice)) / stepPrice) * step;
    return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
  };
  const chosenAmount = (form) => {
    const chosen = form.elements.amount.value;
    const text = chosen === "other" ? form.elements.other.value.trim() : chosen;
    return /^\d{1,4}(\.\d{1,2})?$/.test(text) && scaled(text, 2) > 0 ? `${text.split(".")[0]}.${(text.split(".")[1] || "").padEnd(2, "0")}` : "";
  };
  const showSums = (form) => {
    const amount = chosenAmount(form);
    const unit = one("[data-sum]", form).dataset.unit;
    const output = one("[data-buys]", form);
    output.textContent = amount ? `${amount} ${unit} ≈ ${energyFor(amount, form.dataset)} ${output.dataset.unit}` : "";
    form.querySelectorAll("[data-sum]").forEach((sum) => {
      sum.textContent = amount ? `${amount} ${unit}` : "";
    });
  };
  const form = one("[data-pay]");
  if (form) {
    form.addEventListener("input", () => showSums(form));
    form.addEventListener("change", (event) => {
      if (event.target.value === "other") form.elements.other.focus();
    });
    form.addEventListener("submit", () => {
      setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)));
    });
    addEventListener("pageshow", () => {
      form.querySelectorAll("button").forEach((button) => (button.disabled = false));
      showSums(form);
    });
  }

  // --- Talking to the server.
  const say = (name) => {
    const box = one(".script-words");
    if (!box) return;
    box.dataset.said = name;
    box.textContent = box.dataset[name] || "";
    box.hidden = !name;
  };
  const unsay = (name) => {
    const box = one(".script-words");
    if (box && box.dataset.said === name) say("");
  };
  const ask = (address, method = "GET") => {
    const token = one("[name=csrfmiddlewaretoken]");
    const headers = { Accept: "application/json", "X-CSRFToken": token ? token.value : "" };
    return fetch(address, { method, headers, credentials: "same-origin" });
  };
  const refusalOf = async (answer) => {
    try {
      return (await answer.json()).detail || "";
    } catch {
      return "";
    }
  };
  // A part that is drawn anew is not read aloud; what changed is put into words that stay in place.
  const tell = (text) => {
    const told = one("#told");
    if (told.textContent !== text) told.textContent = text;
  };
  const showAgain = async () => {
    const answer = await fetch(location.pathname + location.search, { credentials: "same-origin" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelectorAll("[data-part]").forEach((part) => {
      const newer = fresh.getElementById(part.id);
      // What a phone at the meter is being told stays, until there is nothing more to carry.
      if (!newer || (part.dataset.busy && !newer.hidden)) return;
      const hadFocus = part.contains(document.activeElement);
      part.replaceWith(document.adoptNode(newer));
      const target = hadFocus && one("button, a", newer);
      if (target) target.focus();
    });
    tell(one("[data-tell]").textContent.trim());
  };

  // --- The steps of an order: ask when the server says so, draw only what is new.
  let waiting = 0;
  let asking = false;
  const follow = async () => {
    clearTimeout(waiting);
    const part = one("[data-poll]");
    if (!part || asking) return;
    asking = true;
    let wait = 5;
    try {
      const answer = await ask(part.dataset.poll);
      wait = Number(answer.headers.get("Retry-After")) || 5;
      if (answer.ok) {
        const order = await answer.json();
        const reached = Object.values(order.steps).filter(Boolean).length;
        if (`${order.state} ${reached} ${order.detail}` !== part.dataset.seen) await showAgain();
        unsay("offline");
      }
    } catch {
      say("offline");
    }
    asking = false;
    if (one("[data-poll]")) waiting = setTimeout(follow, wait * 1000);
  };
  follow();
  document.addEventListener("carried", follow);

  // --- A fresh reading: ask the meter, then look until the figure is a new one.
  const readNow = async (button) => {
    const words = one(".read-words");
    const before = words.textContent;
    // Not `disabled`: that would take the keyboard's focus away.
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    const show = (text) => {
      words.textContent = text;
      tell(text);
    };
    show(words.dataset.asking);
    try {
      const old = (await (await ask(button.dataset.watch)).json()).read_at;
      const answer = await ask(button.dataset.read, "POST");
      if (!answer.ok) {
        show((await refusalOf(answer)) || before);
      } else {
        const until = Date.now() + 60000;
        let fresh = old;
        while (fresh === old && Date.now() < until) {
          await pause(1.5);
          fresh = (await (await ask(button.dataset.watch)).json()).read_at;
        }
        if (fresh === old) show(words.dataset.unanswered);
        else await showAgain();
      }
    } catch {
      show(words.dataset.offline);
    }
    button.ariaDisabled = "false";
  };

  // --- The payment window of the app. What it answers proves nothing; it is only a reason to ask the server.
  const withBridge = (name, use) => {
    if (window[name]) use(window[name]);
    else document.addEventListener(`${name}Ready`, () => use(window[name]), { once: true });
  };
  const payInApp = (button) => {
    const parameters = JSON.parse(button.dataset.parameters);
    const done = (wentWell) => {
      if (!wentWell) say("unpaid");
      follow();
    };
    if (button.dataset.bridge === "wechat") {
      withBridge("WeixinJSBridge", (bridge) =>
        bridge.invoke("getBrandWCPayRequest", parameters, (result) => done(/:ok$/.test(result.err_msg))));
    } else {
      withBridge("AlipayJSBridge", (bridge) =>
        bridge.call("tradePay", parameters, (result) => done(["9000", "8000"].includes(String(result.resultCode)))));
    }
  };
  if (location.hash === "#pay") {
    history.replaceState(null, "", location.pathname + location.search);
    const button = one("[data-bridge]");
    const way = one("a[data-go]");
    if (button) payInApp(button);
    else if (way) location.assign(way.href);
  }

  // --- Have a low balance told to a phone.
  const subscription = one("[data-subscribe]");
  if (subscription) {
    subscription.addEventListener("submit", async (event) => {
      event.preventDefault();
      const told = one("#subscribed");
      const on = Boolean(event.submitter && event.submitter.value);
      const body = { lease: subscription.dataset.lease, on };
      if (on) body.phone = subscription.elements.phone.value;
      const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": subscription.elements.csrfmiddlewaretoken.value };
      try {
        const answer = await fetch(subscription.dataset.subscribe, { method: "POST", headers, credentials: "same-origin", body: JSON.stringify(body) });
        if (!answer.ok) told.textContent = (await refusalOf(answer)) || subscription.dataset.offline;
        else told.textContent = on ? `${subscription.dataset.on} ${(await answer.json()).phone}` : subscription.dataset.off;
      } catch {
        told.textContent = subscription.dataset.offline;
      }
    });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.read) readNow(button);
    else if (button.dataset.bridge) payInApp(button);
  });
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (one("[data-poll]")) follow();
    else if (one("#balance") && Date.now() - hiddenAt > 60000) showAgain().catch(() => {});
  });
})();
