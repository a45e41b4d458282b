using System.Security.Cryptography;
using Gateway.Identity;
using Microsoft.AspNetCore.DataProtection;

namespace Gateway.Operations.Console;

/// <summary>
/// Forms of the console: each carries a proof that it was made for the very sign-in that sends it. It needs no second cookie, and no other page can make one.
/// </summary>
internal sealed class ConsoleForms(IDataProtectionProvider protection, SameOrigin sameOrigin)
{
    private const string FieldName = "form";

    private static readonly Refusal Foreign = new(403, "foreign-form", "Not a form of this page", "The form was not made for you, or you have signed in anew since. Nothing was done: go back, read the page again, and decide anew.")
    {
        Link = (ConsolePaths.Start, "To the console"),
    };

    private readonly IDataProtector _protector = protection.CreateProtector("gateway.console-form");

    public static bool IsByCookie(HttpContext context) => context.User.Identity?.AuthenticationType == IdentitySchemes.Console;

    public Html HiddenField(HttpContext context) => Html.Of($"""<input type="hidden" name="{FieldName}" value="{_protector.Protect(SignInOf(context))}">""");

    /// <summary>Null: it is none of ours, and the refusal was written.</summary>
    public async Task<IFormCollection?> ReadAsync(HttpContext context)
    {
        if (context.Request.HasFormContentType && IsByCookie(context) && sameOrigin.IsNotForeign(context.Request))
        {
            var form = await context.Request.ReadFormAsync(context.RequestAborted);
            if (IsProof(form[FieldName].ToString(), SignInOf(context)))
            {
                return form;
            }
        }

        await RefusalResponse.WriteAsync(context, Foreign);
        return null;
    }

    private bool IsProof(string text, string signIn)
    {
        try
        {
            return _protector.Unprotect(text) == signIn;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string SignInOf(HttpContext context) => context.User.FindFirst(UserClaims.Credential)?.Value ?? throw new InvalidOperationException("The console's forms are for those who signed in by it.");
}
