// Carries a recharge to the meter, or reads it, by Bluetooth where the browser can. The frames come from the server ahead and
// are kept on the phone, so no connection is needed at the meter; what the meter answered is kept too and told
// when there is one. Nothing here decides anything: the server believes the meter, not this file.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const PREFIX = "carried:";
  // Some meters answer a credit only after they have written it down.
  const SLACK_MS = 2000;

  // --- What is kept on the phone: one errand per order, or per meter and purpose at the desk.
  const load = (order) => {
    try {
      return JSON.parse(localStorage.getItem(PREFIX + order));
    } catch {
      return null;
    }
  };
  const keep = (order, errand) => {
    try {
      if (errand) localStorage.setItem(PREFIX + order, JSON.stringify(errand));
      else localStorage.removeItem(PREFIX + order);
    } catch {
      // A private window without storage: the errand lives as long as the page.
    }
  };
  const keptOrders = () => {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
    } catch {
      return [];
    }
  };

  // --- Talking to the server.
  const post = (address, body) => {
    const token = one("[name=csrfmiddlewaretoken]");
    const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token ? token.value : "" };
    return fetch(address, { method: "POST", headers, credentials: "same-origin", body: JSON.stringify(body) });
  };
  const openErrand = async (section, purpose, order) => {
    const kept = load(order);
    if (kept) await tell(order, kept);
    if (kept && kept.frames.length && new Date(kept.expires_at) > new Date()) return kept;
    const named = section.dataset.order ? { purpose, order } : { purpose };
    const answer = await post(section.dataset.open, named);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail || String(answer.status));
    const errand = { ...body, answers: [] };
    keep(order, errand);
    return errand;
  };
  // Returns the server's words, or null where it cannot be reached; then the answers stay.
  const tell = async (order, errand) => {
    if (!errand.answers.length) return null;
    let answer;
    try {
      answer = await post(`/api/v1/phone-sessions/${errand.id}/frames`, { answers: errand.answers, at: errand.at });
    } catch {
      return null;
    }
    if (answer.status === 429 || answer.status >= 500) return null;
    const said = await answer.json();
    errand.answers = [];
    errand.frames = said.frames || [];
    keep(order, errand.frames.length ? errand : null);
    return said;
  };
  const tellAll = async () => {
    for (const order of keptOrders()) {
      const errand = load(order);
      const said = errand && (await tell(order, errand));
      if (said) document.dispatchEvent(new Event("carried"));
    }
  };

  // --- Talking to the meter.
  const uuid = (text) => (text.length === 4 ? parseInt(text, 16) : text.toLowerCase());
  const toBytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // One whole frame: 68H, 68H seven bytes on, as long as its length byte says. The server checks everything again.
  const isWhole = (bytes) => {
    for (let at = 0; at + 12 <= bytes.length; at++) {
      if (bytes[at] === 0x68 && bytes[at + 7] === 0x68 && bytes[at + 11 + bytes[at + 9]] === 0x16) return true;
    }
    return false;
  };
  const findService = async (gatt, services) => {
    for (const shape of services) {
      try {
        const service = await gatt.getPrimaryService(uuid(shape.service));
        return { ...shape, writer: await service.getCharacteristic(uuid(shape.write)), hearer: await service.getCharacteristic(uuid(shape.notify)) };
      } catch {
        // The next one, then.
      }
    }
    throw new Error("service");
  };
  const connect = async (errand) => {
    const optionalServices = errand.services.map((shape) => uuid(shape.service));
    const device = await navigator.bluetooth.requestDevice({ acceptAllDevices: true, optionalServices });
    const line = await findService(await device.gatt.connect(), errand.services);
    line.heard = [];
    line.hearer.addEventListener("characteristicvaluechanged", (event) => {
      const value = event.target.value;
      line.heard.push(...new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    });
    await line.hearer.startNotifications();
    line.close = () => device.gatt.disconnect();
    return line;
  };
  const askMeter = async (line, hex, timeoutMs) => {
    const bytes = toBytes(hex);
    line.heard.length = 0;
    for (let at = 0; at < bytes.length; at += line.chunk) {
      const part = bytes.slice(at, at + line.chunk);
      if (line.write_type === "writeNoResponse") await line.writer.writeValueWithoutResponse(part);
      else await line.writer.writeValueWithResponse(part);
      await pause(line.gap_ms);
    }
    const end = Date.now() + timeoutMs;
    while (!isWhole(line.heard) && Date.now() < end) await pause(50);
    return toHex(line.heard);
  };

  // --- The errand.
  const show = (section, text, done, all) => {
    const bar = one("progress", section);
    bar.hidden = !all;
    bar.max = all || 1;
    bar.value = done || 0;
    one("[data-carry-words]", section).textContent = text;
  };
  const carryFrames = async (section, order, errand, line) => {
    const { frame, telling } = one("[data-words]", section).dataset;
    const frames = errand.frames.slice();
    for (const [at, question] of frames.entries()) {
      show(section, frame.replace("{at}", at + 1).replace("{all}", frames.length), at, frames.length);
      const heard = await askMeter(line, question.hex, errand.answer_timeout_s * 1000 + SLACK_MS);
      errand.answers.push(heard ? { seq: question.seq, hex: heard } : { seq: question.seq, error: "no answer" });
      errand.frames = frames.slice(at + 1);
      errand.at = new Date().toISOString();
      keep(order, errand);
    }
    show(section, telling, frames.length, frames.length);
  };
  const carry = async (section, button) => {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    section.dataset.busy = "1";
    const words = one("[data-words]", section).dataset;
    const purpose = button.dataset.carry || "recharge";
    const order = section.dataset.order || `${section.dataset.open} ${purpose}`;
    let line = null;
    try {
      show(section, words.fetching);
      const errand = await openErrand(section, purpose, order);
      show(section, words.choose);
      line = await connect(errand);
      let said = null;
      do {
        await carryFrames(section, order, errand, line);
        said = await tell(order, errand);
      } while (said && said.frames && said.frames.length);
      const isBrought = said && said.reason === "awaiting_meter";
      show(section, isBrought ? words.brought : said ? said.detail : words.kept);
      if (said) document.dispatchEvent(new Event("carried"));
    } catch (error) {
      const isAway = ["NotFoundError", "NetworkError", "SecurityError"].includes(error.name) || error.message === "service";
      const isOffline = error instanceof TypeError;
      show(section, isAway ? words.away : isOffline ? words.offline : error.message);
      // Part of it may have reached the meter.
      const errand = load(order);
      if (errand) await tell(order, errand);
    }
    if (line) line.close();
    button.ariaDisabled = "false";
  };

  if (navigator.bluetooth) document.documentElement.classList.add("carries");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-carry]");
    if (button) carry(button.closest("section"), button);
  });
  addEventListener("online", tellAll);
  tellAll();
})();
