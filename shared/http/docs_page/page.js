// Shows the document beside this page; nothing is asked of any other host.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  validatorUrl: null, // the default validator is a service on the internet
});
