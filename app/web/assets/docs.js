// The documentation of the interface, drawn from /openapi.json by Swagger UI.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // nothing is sent to anybody's validator
});
