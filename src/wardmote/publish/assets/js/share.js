/* A button beside each post that copies it; without it the posts can be marked and copied. */
(function (wardmote) {
  "use strict";
  const status = document.getElementById("share-status");
  if (!navigator.clipboard) return;
  for (const post of document.querySelectorAll(".posts .post")) {
    const button = wardmote.element("button", { type: "button", class: "plain" }, wardmote.say("copy"));
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(post.textContent);
      status.textContent = wardmote.say("copied");
    });
    post.after(button);
  }
})(window.wardmote);
