import assert from "node:assert/strict";
import { type SessionCookieOptions, SessionManager } from "../../src/manager/mod.ts";
import { SessionCookie } from "../../src/manager/cookie.ts";
import { withClock } from "../support/clock.ts";

const TOKEN = "t".repeat(43);

function write(options: SessionCookieOptions, expiry = new Date(), persist = false): string {
  return new SessionCookie(options).for("other").write(TOKEN, expiry, persist);
}

Deno.test("a cookie has all attributes of its options", () => {
  const options = {
    name: "__Secure-id",
    domain: "example.com",
    path: "/app",
    httpOnly: false,
    secure: true,
    sameSite: "none",
    partitioned: true,
  } as const;
  assert.equal(
    write(options),
    `__Secure-id=${TOKEN}; Domain=example.com; Path=/app; Secure; Partitioned; SameSite=None`,
  );
  assert.equal(
    write({ sameSite: "strict" }),
    `session=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Strict`,
  );
});

// A cookie that ends before its session costs the visitor the session's last moments.
Deno.test("expiry and Max-Age are rounded up to the second", async () => {
  await withClock(() => Date.UTC(2030, 0, 1, 12, 0, 0, 500), () => {
    const header = (ms: number): string => write({}, new Date(Date.now() + ms), true);
    assert.match(header(1), /; Max-Age=1; .* Expires=Tue, 01 Jan 2030 12:00:01 GMT;/);
    assert.match(header(500), /; Max-Age=1; .* Expires=Tue, 01 Jan 2030 12:00:01 GMT;/);
    assert.match(header(501), /; Max-Age=1; .* Expires=Tue, 01 Jan 2030 12:00:02 GMT;/);
    assert.match(header(60_000), /; Max-Age=60; .* Expires=Tue, 01 Jan 2030 12:01:01 GMT;/);
    assert.match(header(60_001), /; Max-Age=61; /);
    assert.match(header(-5000), /; Max-Age=0; /);
  });
});

Deno.test("cookie options that browsers would ignore are rejected up front", () => {
  const wrong: [SessionCookieOptions, string][] = [
    [
      { name: "" },
      `'cookie.name' must be 1 to 255 characters of those that HTTP allows in a token: received ""`,
    ],
    [{ name: "a b" }, `'cookie.name' must be`],
    [{ name: "a=b" }, `'cookie.name' must be`],
    [{ name: "a;b" }, `'cookie.name' must be`],
    [{ name: "a\nb" }, `'cookie.name' must be`],
    [{ name: "a\n" }, `'cookie.name' must be`],
    [{ name: "ä" }, `'cookie.name' must be`],
    [{ name: "x".repeat(256) }, `'cookie.name' must be`],
    [{ domain: "" }, `'cookie.domain' must be`],
    [{ domain: "a b" }, `'cookie.domain' must be`],
    [{ domain: "example.com." }, `'cookie.domain' must be`],
    [{ domain: "example.com; HttpOnly" }, `'cookie.domain' must be`],
    [{ path: "" }, `'cookie.path' must be`],
    [{ path: "app" }, `'cookie.path' must be a path that begins with '/'`],
    [{ path: "/a;b" }, `'cookie.path' must be`],
    [{ path: "/a\nb" }, `'cookie.path' must be`],
    [{ path: "/" + "x".repeat(1024) }, `'cookie.path' must be`],
    [
      { sameSite: "Lax" as "lax" },
      `'cookie.sameSite' must be "lax", "strict" or "none": received "Lax"`,
    ],
    [
      { sameSite: "none", secure: false },
      `'cookie.secure' must be true if cookie.sameSite is "none": received false`,
    ],
    [
      { partitioned: true, secure: false },
      `'cookie.secure' must be true if cookie.partitioned is true: received false`,
    ],
    [
      { name: "__Secure-x", secure: false },
      `'cookie.secure' must be true if cookie.name begins with __Secure-: received false`,
    ],
    [
      { name: "__host-x", secure: false },
      `'cookie.secure' must be true if cookie.name begins with __host-: received false`,
    ],
    [
      { name: "__Host-x", secure: true, domain: "example.com" },
      `'cookie.domain' must be undefined if`,
    ],
    [{ name: "__Host-x", secure: true, path: "/app" }, `'cookie.path' must be / if`],
    [{ name: "__Http-x", secure: true, httpOnly: false }, `'cookie.httpOnly' must be true if`],
    [{ name: "__Http-x", secure: false }, `'cookie.secure' must be true if`],
    [
      { hostPrefix: true, secure: false },
      `'cookie.secure' must be true if cookie.hostPrefix is true: received false`,
    ],
    [
      { hostPrefix: true, domain: "example.com" },
      `'cookie.domain' must be undefined if cookie.hostPrefix is true`,
    ],
    [{ hostPrefix: true, path: "/app" }, `'cookie.path' must be / if cookie.hostPrefix is true`],
    [
      { hostPrefix: true, name: "__Host-x" },
      `'cookie.name' must be a name without a prefix if cookie.hostPrefix is true, which adds ` +
      `__Host-: received "__Host-x"`,
    ],
    [{ hostPrefix: true, name: "__secure-x" }, `'cookie.name' must be a name without a prefix if`],
    [
      { name: "__Host-Http-x", secure: true, httpOnly: false },
      `'cookie.httpOnly' must be true if`,
    ],
    [{ name: "__Host-Http-x", secure: true, path: "/x" }, `'cookie.path' must be / if`],
  ];
  for (const [cookie, message] of wrong) {
    assert.throws(() => new SessionManager({ cookie }), (error: Error) => {
      assert.ok(error instanceof RangeError, message);
      assert.ok(
        error.message.startsWith(`Cannot create the session manager: ${message}`),
        error.message,
      );
      return true;
    });
  }
  for (
    const name of [
      "name",
      "domain",
      "path",
      "httpOnly",
      "secure",
      "hostPrefix",
      "sameSite",
      "partitioned",
      "persist",
    ]
  ) {
    assert.throws(() => new SessionManager({ cookie: { [name]: 1 } }), TypeError, name);
  }
});

Deno.test("cookie options that browsers accept are not rejected", () => {
  const right: SessionCookieOptions[] = [
    {},
    { name: "__Host-x", secure: true },
    { name: "__Secure-x", secure: true, domain: "example.com", path: "/app" },
    { name: "__Http-x", secure: true },
    { name: "__Host-Http-x", secure: true },
    { name: "__Host-x" },
    { hostPrefix: true },
    { hostPrefix: true, secure: true, sameSite: "none", partitioned: true },
    { sameSite: "none" },
    { name: "__hostile" },
    { name: "!#$%&'*+-.^_`|~09AZaz" },
    { sameSite: "none", secure: true, partitioned: true },
    { domain: "sub.example.com" },
  ];
  for (const cookie of right) assert.ok(new SessionManager({ cookie }));
});
