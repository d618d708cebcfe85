import { hasMethods, type Rule } from "../util/check.ts";
import type { SessionManager } from "./session_manager.ts";

/** The manager of an adapter, checked by its shape, because the application may have its own copy of the class. */
// deno-lint-ignore no-explicit-any -- sessions of any values
export const MANAGER: Rule<SessionManager<any>> = {
  text: "a SessionManager",
  // deno-lint-ignore no-explicit-any -- sessions of any values
  hasType: (value): value is SessionManager<any> =>
    hasMethods(value, ["loadLazily", "commitHeaders", "toErrorResponse"]),
};
