// app/session.ts of Next.js. In an application, the imports are
//
//   import { cookies, headers } from "next/headers";
//   import { redirect } from "next/navigation";

import type { Session } from "@scs/sequelize-store/manager";
import { sessions, type Values } from "../sessions.ts";
import { cookies, headers, redirect } from "./stand_in.ts";

/** Loads the session; a server component can only read it. */
export async function currentSession(): Promise<Session<Values>> {
  return await sessions.loadRequest(await headers());
}

/** Saves what a server action has done to a session. */
async function save(session: Session<Values>): Promise<void> {
  await sessions.commit(session);
  const cookie = sessions.toCookie(session);
  if (cookie) (await cookies()).set(cookie.name, cookie.value, cookie.options);
}

export async function signIn(): Promise<never> {
  "use server";
  const session = await currentSession();
  session.renewToken();
  session.put("userId", 7);
  await save(session);
  redirect("/");
}

export async function signOut(): Promise<never> {
  "use server";
  const session = await currentSession();
  session.destroy();
  await save(session);
  redirect("/");
}
