// Reads letters, each in base64 on a line of the input; says of each on a line of JSON what a reader makes of it.
const path = require("node:path");
const { simpleParser } = require(path.join(process.cwd(), "node_modules", "mailparser"));

(async () => {
  const lines = require("node:fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
  for (const line of lines) {
    const mail = await simpleParser(Buffer.from(line, "base64"));
    const list = mail.headers.get("list") || {};
    console.log(JSON.stringify({
      from: mail.from.value, to: mail.to.value, replyTo: mail.replyTo ? mail.replyTo.value : null,
      subject: mail.subject, text: mail.text, html: mail.html, id: mail.messageId, date: mail.date,
      unsubscribe: list.unsubscribe ? list.unsubscribe.url : null,
      oneClick: list["unsubscribe-post"] ? list["unsubscribe-post"].name : null,
    }));
  }
})();
