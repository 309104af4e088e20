"""OpenID Connect: from an identity provider's words to a person. Fetches nothing by itself, and believes nothing."""
