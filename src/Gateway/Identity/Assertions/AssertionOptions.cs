using Microsoft.Extensions.Options;

namespace Gateway.Identity.Assertions;

/// <summary>The part of section <c>Identity</c> that says what workspaces are told of a request's user.</summary>
internal sealed class AssertionOptions
{
    public const string Section = "Identity";

    /// <summary>The assertions' issuer. Empty: <c>Identity:PublicUrl</c>, and <c>gateway</c> where that is empty too.</summary>
    public string AssertionIssuer { get; set; } = "";

    /// <summary>How long an assertion holds. At most five minutes: a workspace cannot be told of a revocation.</summary>
    public TimeSpan AssertionLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long one key signs. Its public part is published one such period before and one after.</summary>
    public TimeSpan AssertionKeyLifetime { get; set; } = TimeSpan.FromDays(1);
}

/// <summary>Every fault of these settings at once, each by its key.</summary>
internal sealed class AssertionOptionsValidation : IValidateOptions<AssertionOptions>
{
    public ValidateOptionsResult Validate(string? name, AssertionOptions options)
    {
        var faults = new List<string>();
        if (options.AssertionLifetime < TimeSpan.FromSeconds(30) || options.AssertionLifetime > TimeSpan.FromMinutes(5))
        {
            faults.Add("Identity:AssertionLifetime must be between 00:00:30 and 00:05:00.");
        }

        if (options.AssertionKeyLifetime < TimeSpan.FromHours(1) || options.AssertionKeyLifetime > TimeSpan.FromDays(90))
        {
            faults.Add("Identity:AssertionKeyLifetime must be between 01:00:00 and 90.00:00:00.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
