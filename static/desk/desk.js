// Small things: a form is sent once, a sheet is printed, a link is sent on, and what is under way goes on by itself.
(function () {
    "use strict";

    function sendOnce(event) {
        const form = event.target;
        if (!form.matches("form[data-once]")) return;
        if (form.dataset.sent) return event.preventDefault();
        form.dataset.sent = "1";
        form.querySelectorAll("button[type=submit]").forEach((button) => { button.disabled = true; });
    }

    // A page that comes back from the browser's memory must not stay locked.
    function unlock() {
        document.querySelectorAll("form[data-sent]").forEach((form) => {
            delete form.dataset.sent;
            form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
        });
    }

    function pause(startedAt) {
        const age = Date.now() - startedAt;
        return age < 30000 ? 1000 : age < 300000 ? 5000 : 30000;
    }

    async function commandsMoved(live, known) {
        let moved = false;
        for (const id of live.dataset.commands.split(" ").filter(Boolean)) {
            const answer = await fetch(live.dataset.commandUrl + id, { headers: { Accept: "application/json" } });
            if (!answer.ok) return true;
            const command = await answer.json();
            const seen = command.state + "/" + (command.events || []).length;
            // The first answer counts as news: the command may have moved since the page was made.
            if (known.get(id) !== seen) moved = true;
            known.set(id, seen);
        }
        return moved;
    }

    async function refresh(live) {
        const answer = await fetch(live.dataset.live, { headers: { "X-Requested-With": "XMLHttpRequest" } });
        if (!answer.ok || answer.redirected) return null;
        const holder = document.createElement("div");
        holder.innerHTML = await answer.text();
        const fresh = holder.querySelector("#desk-live");
        if (!fresh) return null;
        live.replaceWith(fresh);
        return fresh;
    }

    async function watch(live) {
        const startedAt = Date.now();
        const known = new Map();
        // The reading of a finished command arrives a moment after it.
        let after = 3;
        while (live && (live.dataset.commands || after > 0)) {
            await new Promise((done) => setTimeout(done, pause(startedAt)));
            if (document.hidden) continue;
            try {
                const wasOpen = Boolean(live.dataset.commands);
                if (!wasOpen || await commandsMoved(live, known)) live = await refresh(live) || live;
                if (!wasOpen) after -= 1;
            } catch (error) {
                // No network for a moment: the next round asks again.
            }
        }
    }

    // The phone's own sheet where there is one, which knows WeChat; else the clipboard, else the chosen text.
    async function share(button) {
        const url = button.dataset.share;
        try {
            if (navigator.share) return await navigator.share({ title: button.dataset.shareTitle, url });
            await navigator.clipboard.writeText(url);
            button.textContent = button.dataset.shared;
        } catch (error) {
            if (error.name !== "AbortError") document.getElementById("made").select();
        }
    }

    // What is under way on a page without a life of its own: the page is fetched anew, and that part put in place.
    async function follow(part) {
        const startedAt = Date.now();
        while (part && "follow" in part.dataset) {
            await new Promise((done) => setTimeout(done, pause(startedAt)));
            if (document.hidden || part.contains(document.activeElement)) continue;
            try {
                const answer = await fetch(location.href);
                if (!answer.ok || answer.redirected) return;
                const page = new DOMParser().parseFromString(await answer.text(), "text/html");
                const fresh = page.getElementById(part.id);
                if (!fresh) return;
                part.replaceWith(fresh);
                part = fresh;
            } catch (error) {
                // No network for a moment: the next round asks again.
            }
        }
    }

    document.addEventListener("click", (event) => {
        if (event.target.closest("[data-print]")) window.print();
        const button = event.target.closest("[data-share]");
        if (button) share(button);
        if (!event.target.closest(".desk-menu summary")) {
            document.querySelectorAll(".desk-menu[open]").forEach((menu) => { menu.open = false; });
        }
    });
    document.addEventListener("submit", sendOnce);
    window.addEventListener("pageshow", unlock);
    document.addEventListener("DOMContentLoaded", () => {
        const live = document.getElementById("desk-live");
        if (live && live.dataset.commands) watch(live);
        follow(document.getElementById("desk-follow"));
    });
})();
