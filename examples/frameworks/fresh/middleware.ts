// routes/_middleware.ts of Fresh 2. In an application, `Context` is Fresh's own:
//
//   export default createDefine<State>().middleware(...)

import type { Session } from "@scs/sequelize-store/manager";
import { sessions, type Values } from "../sessions.ts";

export interface State {
  session: Session<Values>;
}

/** What is used here of the `Context` of Fresh. */
export interface Context {
  readonly req: Request;
  readonly state: State;
  next: () => Promise<Response>;
}

// If a page throws, `next` rejects, and nothing is saved.
export default function middleware(ctx: Context): Promise<Response> {
  return sessions.loadAndSave((_request, session) => {
    ctx.state.session = session;
    return ctx.next();
  })(ctx.req);
}
