// Reads a list of questions from standard input and answers each with an implementation that is not ours.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "x.cjs"));
const { Rsa, Aes, Formatter } = require("wechatpay-axios-plugin");
const { AlipaySdk } = require("alipay-sdk");
const { getSN } = require(path.join(process.cwd(), "node_modules/alipay-sdk/dist/commonjs/antcertutil.js"));

const bare = (pem) => pem.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, "");
const alipay = (q) =>
  new AlipaySdk({ appId: "1", privateKey: bare(q.private_key), keyType: "PKCS8", alipayPublicKey: bare(q.key) });

const answers = {
  rsa_sign: (q) => Rsa.sign(q.message, q.key),
  wechat_request: (q) =>
    Rsa.verify(Formatter.request(q.method, q.url, q.timestamp, q.nonce, q.body), q.signature, q.key),
  wechat_answer: (q) => Rsa.verify(Formatter.response(q.timestamp, q.nonce, q.body), q.signature, q.key),
  gcm_open: (q) => Aes.AesGcm.decrypt(q.ciphertext, q.key, q.nonce, q.aad),
  alipay_notify: (q) => alipay(q).checkNotifySign(q.params),
  alipay_check: (q) => alipay(q).rsaCheck(q.message, q.signature, "RSA2"),
  serial: (q) => getSN(q.pem, q.is_root),
};
const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(asked.map((q) => answers[q.ask](q))));
