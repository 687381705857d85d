// Submits the one form of the form_post page. It runs before the load event, so
// browsers put the client's page in the place of this one in the history, and
// the back button does not send a used code again.
document.forms[0].submit();
