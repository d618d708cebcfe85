// In an application, the types are `Handle` and `HandleServerError` of "@sveltejs/kit", and src/app.d.ts declares
// the session: namespace App { interface Locals { session: Session<Values> } }

import type { Session } from "@scs/sequelize-store/manager";
import { sessions, type Values } from "../sessions.ts";

interface RequestEvent {
  readonly request: Request;
  readonly locals: { session?: Session<Values> };
}

interface Handling {
  readonly event: RequestEvent;
  resolve(event: RequestEvent): Promise<Response> | Response;
}

export function handle({ event, resolve }: Handling): Promise<Response> {
  return sessions.loadAndSave((_request, session) => {
    event.locals.session = session;
    return resolve(event);
  })(event.request);
}

// SvelteKit makes a response of an error itself: what the request did to the session must not be saved.
export function handleError({ event }: Pick<Handling, "event">): void {
  event.locals.session?.discard();
}
