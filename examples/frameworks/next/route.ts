// app/views/route.ts of Next.js

import { sessions } from "../sessions.ts";

// It is called with Next.js's `NextRequest`, which is a `Request`.
export const POST = sessions.loadAndSave((_request, session) => {
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  return Response.json({ views });
});
