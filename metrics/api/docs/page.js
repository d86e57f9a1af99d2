// Shows the endpoints that a token may read. The token lives in this page's memory alone: it travels in a header, and the
// commands that the page shows have the name of a variable in its place. So the scheme that would put it into a URL is
// taken out of the document, and the form above stands for Swagger UI's own dialog.
const STANDS_FOR_IT = "$PERCH_TOKEN";
const said = document.getElementById("said");

function say(text, refused) {
  said.textContent = text;
  said.classList.toggle("refused", refused);
}

async function show(token) {
  const answer = await fetch("/v0/pipes/openapi.json", { headers: { Authorization: `Bearer ${token}` } });
  const body = await answer.json();
  if (!answer.ok) {
    document.getElementById("endpoints").replaceChildren();
    return say(body.error, true);
  }
  delete body.components.securitySchemes.token;
  body.security = [{ bearer: [] }];
  const ui = SwaggerUIBundle({
    spec: body,
    dom_id: "#endpoints",
    tryItOutEnabled: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    validatorUrl: null,
    showMutatedRequest: false,
    requestInterceptor(request) {
      if (new URL(request.url, location.href).origin === location.origin) request.headers.Authorization = `Bearer ${token}`;
      return request;
    },
    plugins: [() => ({ wrapComponents: { authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null } })],
    onComplete: () => ui.preauthorizeApiKey("bearer", STANDS_FOR_IT),
  });
  say(`${body.tags.length} endpoints. Open one and press Execute.`, false);
}

document.getElementById("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  show(document.getElementById("token").value.trim()).catch((error) => say(String(error), true));
});
