using Microsoft.AspNetCore.Antiforgery;

namespace Gateway.Identity.Pages;

/// <summary>Forms of our pages: only a person who is signed in by a browser, and only from a page of ours that was made for them.</summary>
internal sealed class PageForms(IAntiforgery antiforgery, SameOrigin sameOrigin)
{
    public const string FieldName = "form";

    /// <summary>The hidden field of a form, in HTML.</summary>
    public string HiddenField(HttpContext context) =>
        $"""<input type="hidden" name="{FieldName}" value="{IdentityPage.Encode(antiforgery.GetAndStoreTokens(context).RequestToken!)}">""";

    /// <summary>Null: this is no page's own form, and the refusal was written.</summary>
    public async Task<IFormCollection?> ReadAsync(HttpContext context)
    {
        if (context.Request.HasFormContentType && sameOrigin.IsNotForeign(context.Request) && await antiforgery.IsRequestValidAsync(context))
        {
            return await context.Request.ReadFormAsync(context.RequestAborted);
        }

        await RefusalResponse.WriteAsync(context, IdentityRefusals.ForeignForm);
        return null;
    }

    /// <summary>Whether a person in a browser asks. A token must not be able to make others, or it would outlive its own revocation.</summary>
    public static bool IsBySignIn(HttpContext context) => context.User.Identity?.AuthenticationType is IdentitySchemes.Cookie or IdentitySchemes.Credentials;
}
