import { hasMethods, type Rule } from "../util/check.ts";
import type { SessionManager } from "./session_manager.ts";

/** What an adapter is made for; by its shape, because the application may have a copy of its own. */
// deno-lint-ignore no-explicit-any -- sessions of any values
export const MANAGER: Rule<SessionManager<any>> = {
  text: "a SessionManager",
  // deno-lint-ignore no-explicit-any -- sessions of any values
  hasType: (value): value is SessionManager<any> =>
    hasMethods(value, ["loadLazily", "commitHeaders", "toErrorResponse"]),
};
